"""Mails that call operators: who waits with nobody there, who is to be told, and what became of it.

One mail for each operator and each time that a session waits, whatever happens: a mail is `sending`
before it goes out, and one of which nobody knows whether it went is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, func, select, update

from gateway.people.routing import Candidate
from gateway.store import Transaction, new_id
from gateway.store.models import ChatSession, Contact, Conversation, Operator, WaitMail
from gateway.store.sql import insert_into, literals, locked

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
GRACE_US = 30 * SECOND_US
"""Who waits for less than this calls nobody: an operator's page may just be loading."""
STALE_US = 24 * HOUR_US
"""Who waits for longer than this does not call anybody any more."""
MOST_PER_HOUR = 10
"""Who has got so many mails within an hour knows that people wait: the next ones wait, too."""
GIVEN_UP_US = HOUR_US
LOST_US = 180 * SECOND_US
"""A mail that is being sent for so long has lost its worker."""
_KEPT_US = 30 * 24 * HOUR_US
_SENDING = WaitMail.state.in_(literals("sending"))
_FIRST_PAUSE_US, _LONGEST_PAUSE_US = 30 * SECOND_US, 600 * SECOND_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A session that waits for a person, since when (µs), and nobody has been called."""

    session_id: str
    agent: str
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What a mail says. `name` and `reason` may be empty; both may be a customer's words."""

    id: str
    to: str
    session_id: str
    since: int
    name: str
    reason: str


Send = Callable[[Mail], None]
"""Sends a mail; raises Again, Never or UnknownOutcome."""


def agents_awaited(db: Transaction, now: int) -> Sequence[str]:
    """The agents for whose sessions somebody waits and nobody has been called."""
    return db.scalars(select(ChatSession.agent).where(*_waits(now)).distinct()).all()


def uncalled(db: Transaction, agents: Collection[str], now: int, limit: int) -> Sequence[str]:
    """Sessions of these agents that wait and for which nobody has been called, the oldest first."""
    query = select(ChatSession.id).where(*_waits(now), ChatSession.agent.in_(agents))
    return db.scalars(query.order_by(ChatSession.waiting_since).limit(limit)).all()


def to_call(db: Transaction, candidates: Iterable[Candidate], now: int) -> list[Candidate]:
    """Whom to call: everybody who works now, if none of them is online, and not too often."""
    at_work = [one for one in candidates if one.in_hours]
    if any(one.presence == "online" for one in at_work):
        return []
    return _not_too_often(db, at_work, now)


def still_waits(db: Transaction, session_id: str, now: int) -> Waiting | None:
    """The session if it waits and nobody has been called; its row is locked."""
    query = select(ChatSession.id, ChatSession.agent, ChatSession.waiting_since).where(
        *_waits(now), ChatSession.id == session_id
    )
    row = db.execute(locked(db, query)).one_or_none()
    return Waiting(session_id=row[0], agent=row[1], since=row[2] or 0) if row else None


def owe(db: Transaction, waiting: Waiting, to: Iterable[Candidate], now: int) -> int:
    """Owe these operators a mail, unless they have got one about this wait or too many others.

    Return how many that are. The session is locked.
    """
    told = set(
        db.scalars(
            select(WaitMail.operator_id).where(
                WaitMail.session_id == waiting.session_id, WaitMail.owed_at >= waiting.since
            )
        )
    )
    rows = [
        {
            "id": new_id("wml"), "session_id": waiting.session_id, "since": waiting.since,
            "operator_id": one.id, "state": "owed", "owed_at": now, "due_at": now, "tries": 0,
        }
        for one in _not_too_often(db, [one for one in to if one.id not in told], now)
    ]  # fmt: skip
    if not rows:
        return 0
    made = insert_into(db, WaitMail).values(rows).on_conflict_do_nothing()
    return len(db.execute(made.returning(WaitMail.id)).all())


def due(db: Transaction, now: int, limit: int) -> Sequence[str]:
    """The mails that are to be sent now, the oldest first."""
    owed = WaitMail.state.in_(literals("owed"))
    query = select(WaitMail.id).where(owed, WaitMail.due_at <= now)
    return db.scalars(query.order_by(WaitMail.id).limit(limit)).all()


def any_lost(db: Transaction, now: int) -> bool:
    """True if a worker died while it was sending."""
    return db.scalar(select(WaitMail.id).where(*_lost(now)).limit(1)) is not None


def give_up_lost(db: Transaction, now: int) -> None:
    """What was being sent when its worker died has failed: nobody knows whether it went out."""
    error = "the worker died while sending it; it is not sent again"
    db.execute(
        update(WaitMail).where(*_lost(now)).values(state="failed", ended_at=now, error=error)
    )


def begin(db: Transaction, mail_id: str, now: int) -> Mail | None:
    """Begin to send a mail: from now on it is sent once or never. None if it is not to be sent.

    It is cancelled if nobody waits any more, or if its reader was deactivated.
    """
    owed = (WaitMail.id == mail_id, WaitMail.state.in_(literals("owed")))
    row = db.execute(
        select(
            WaitMail.id, WaitMail.session_id, WaitMail.owed_at, ChatSession.wait_since,
            ChatSession.handover, Contact.name, Operator.email, Operator.deactivated_at,
        )
        .join(ChatSession, ChatSession.id == WaitMail.session_id)
        .join(Operator, Operator.id == WaitMail.operator_id)
        .join(Conversation, Conversation.id == ChatSession.conversation_id)
        .outerjoin(Contact, Contact.id == Conversation.contact_id)
        .where(*owed)
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    # A wait may be dated anew when older news arrive; it is the same one unless it began later.
    over = row.wait_since is None or row.wait_since > row.owed_at
    if over or row.deactivated_at is not None:
        db.execute(update(WaitMail).where(*owed).values(state="cancelled", ended_at=now))
        return None
    begun = db.scalar(
        update(WaitMail)
        .where(*owed)
        .values(state="sending", due_at=now, tries=WaitMail.tries + 1)
        .returning(WaitMail.id)
    )
    if begun is None:
        return None
    return Mail(
        id=row.id,
        to=row.email,
        session_id=row.session_id,
        since=row.wait_since,
        name=row.name or "",
        reason=str((row.handover or {}).get("reason") or ""),
    )


def sent(db: Transaction, mail_id: str, now: int) -> None:
    """The server has taken it."""
    _end(db, mail_id, "sent", None, now)


def failed(db: Transaction, mail_id: str, error: str, now: int) -> None:
    """It was refused for good, or nobody knows whether the server has it."""
    _end(db, mail_id, "failed", error, now)


def not_begun(db: Transaction, mail_ids: Collection[str], error: str, now: int) -> bool:
    """There is no server: what has not begun waits. False if all of it is given up."""
    return _later(db, WaitMail.id.in_(mail_ids) & WaitMail.state.in_(literals("owed")), error, now)


def not_taken(db: Transaction, mail_id: str, error: str, now: int) -> bool:
    """The server has said that it has not taken this one: later again. False if it is given up."""
    return _later(db, (WaitMail.id == mail_id) & _SENDING, error, now)


def _later(db: Transaction, which: ColumnElement[bool], error: str, now: int) -> bool:
    """Due again after a pause, for an hour in all; True if any is."""
    rows = db.execute(select(WaitMail.id, WaitMail.owed_at, WaitMail.tries).where(which)).all()
    left = False
    for row in rows:
        over = now - row.owed_at >= GIVEN_UP_US
        pause = min(_FIRST_PAUSE_US * 2 ** min(row.tries, 10), _LONGEST_PAUSE_US)
        left |= not over
        db.execute(
            update(WaitMail)
            .where(WaitMail.id == row.id)
            .values(
                state="failed" if over else "owed",
                ended_at=now if over else None,
                due_at=now if over else now + pause,
                error=error,
            )
        )
    return left


def forget(db: Transaction, now: int) -> None:
    """Drop mails that ended 30 days ago; what they told of calls nobody any more."""
    db.execute(delete(WaitMail).where(WaitMail.ended_at < now - _KEPT_US))


def _not_too_often(db: Transaction, to: Sequence[Candidate], now: int) -> list[Candidate]:
    """Those who have not got ten mails within an hour."""
    if not to:
        return []
    rows = db.execute(
        select(WaitMail.operator_id, func.count())
        .where(WaitMail.operator_id.in_([one.id for one in to]), WaitMail.owed_at > now - HOUR_US)
        .group_by(WaitMail.operator_id)
    )
    called = {row[0]: row[1] for row in rows}
    return [one for one in to if called.get(one.id, 0) < MOST_PER_HOUR]


def _end(db: Transaction, mail_id: str, state: str, error: str | None, now: int) -> None:
    mine = (WaitMail.id == mail_id) & _SENDING
    db.execute(update(WaitMail).where(mine).values(state=state, error=error, ended_at=now))


def _lost(now: int) -> tuple[ColumnElement[bool], ...]:
    return (_SENDING, WaitMail.due_at <= now - LOST_US)


def _waits(now: int) -> tuple[ColumnElement[bool], ...]:
    called = exists().where(
        WaitMail.session_id == ChatSession.id, WaitMail.owed_at >= ChatSession.waiting_since
    )
    return (
        ChatSession.waiting_since.is_not(None),
        ChatSession.waiting_since.between(now - STALE_US, now - GRACE_US),
        ~called,
    )
