"""What the AI agent is told: public words, the customer, and what people did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import bindparam, func, select, update

from gateway.clock import from_micros
from gateway.conversations.thread import Held
from gateway.events import Actor, Attachment, Turn, TurnContact, TurnMessage
from gateway.handover import Run
from gateway.store import Transaction
from gateway.store.models import UNPLACED, ChatSession, Contact, Message
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

MOST_MESSAGES = 200
MOST_BYTES = 64 * 1024
_SUMMED_UP, _CUT_AT = 4, 500
_SHOWN = ("received", "sent", "owed")
_ROLES = {"ai": "AI", "customer": "Customer", "operator": "Operator"}

_MESSAGES, _SESSIONS, _CONTACTS = table_of(Message), table_of(ChatSession), table_of(Contact)
_IN_SESSION = (_MESSAGES.c.session_id == bindparam("session")) & _MESSAGES.c.kind.in_(
    literals("message")
)
_LATEST = Prepared(
    lambda _: (
        select(
            _MESSAGES.c.id, _MESSAGES.c.author_kind, _MESSAGES.c.author_id,
            _MESSAGES.c.author_name, _MESSAGES.c.text, _MESSAGES.c.attachments, _MESSAGES.c.at,
            _MESSAGES.c.asked_in,
        )
        .where(_IN_SESSION, _MESSAGES.c.state.in_(literals(*_SHOWN)))
        .order_by(
            _MESSAGES.c.at.desc(), _MESSAGES.c.number.desc(), _MESSAGES.c.step.desc(),
            _MESSAGES.c.id.desc(),
        )
        .limit(MOST_MESSAGES)
    )
)  # fmt: skip
_UNASKED = Prepared(
    lambda _: (
        select(_MESSAGES.c.id)
        .where(
            _IN_SESSION,
            _MESSAGES.c.author_kind.in_(literals("customer")),
            _MESSAGES.c.asked_in.is_(None),
        )
        .limit(1)
    )
)
_UNASKED_SINCE = Prepared(
    lambda _: select(func.min(_MESSAGES.c.at).label("since")).where(
        _IN_SESSION,
        _MESSAGES.c.author_kind.in_(literals("customer")),
        _MESSAGES.c.asked_in.is_(None),
    )
)
_MARK = Prepared(
    lambda _: update(_MESSAGES).where(
        _IN_SESSION, _MESSAGES.c.state.in_(literals(*_SHOWN)), _MESSAGES.c.asked_in.is_(None)
    )
)
_CONTACT = Prepared(
    lambda _: select(
        Contact.standing_id().label("id"),
        _CONTACTS.c.name,
        _CONTACTS.c.email,
        _CONTACTS.c.verified,
    ).where(_CONTACTS.c.id == bindparam("contact"), Contact.is_known())
)
_PREVIOUS = Prepared(
    lambda _: (
        select(
            _SESSIONS.c.id, _SESSIONS.c.summary, _SESSIONS.c.finished_at, _SESSIONS.c.forgotten_at
        )
        .where(
            _SESSIONS.c.conversation_id == bindparam("conversation"),
            _SESSIONS.c.opened_at < bindparam("before"),
        )
        .order_by(_SESSIONS.c.opened_at.desc())
        .limit(1)
    )
)
_LAST_WORDS = Prepared(
    lambda _: (
        select(_MESSAGES.c.author_kind, _MESSAGES.c.author_name, _MESSAGES.c.text)
        .where(_IN_SESSION, _MESSAGES.c.state.in_(literals(*_SHOWN)))
        .order_by(_MESSAGES.c.at.desc(), _MESSAGES.c.number.desc(), _MESSAGES.c.step.desc())
        .limit(_SUMMED_UP)
    )
)


def question(
    db: Transaction,
    held: Held,
    session: Any,
    turn: Any,
) -> Turn:
    """Put a turn's question together."""
    before = {"conversation": session.conversation_id, "before": session.opened_at}
    whose = [{"contact": held.contact_id}] if held.contact_id is not None else []
    with db.in_one_trip():
        latest = _LATEST.ask_all(db, [{"session": session.id}])
        contact = _CONTACT.ask_all(db, whose)
        previous = _PREVIOUS.ask_all(db, [before])
    rows = _that_fit(latest())
    messages = [_message(row, turn.id) for row in rows]
    return Turn(
        id=turn.id,
        session=session.id,
        channel=session.channel,
        mode=session.mode,
        cause=turn.cause,
        messages=messages,
        contact=_contact(contact()),
        parameters=session.parameters,
        results=session.results,
        brief=_brief(rows, held.thread.run) if turn.cause == "returned" else None,
        previous_summary=_previous_summary(db, previous()),
        origin=turn.origin,
    )


def mark_told(db: Transaction, question: Turn) -> None:
    """Mark the words that a question tells for the first time: it is going to be asked.

    Those that do not fit into it, too: they are never told, and would be asked about without end.
    """
    _MARK.later(db, {"session": question.session, "asked_in": question.id})


def untold(db: Transaction, session_id: str) -> list[str]:
    """The customer's words that no question has told yet, as far as one could tell them."""
    rows = _that_fit(_LATEST.run(db, {"session": session_id}))
    return [row.text for row in rows if row.author_kind == "customer" and row.asked_in is None]


def unasked_since(db: Transaction, session_id: str) -> int | None:
    """Since when (µs) words of the customer's stand that no turn has told the agent."""
    (row,) = _UNASKED_SINCE.run(db, {"session": session_id})
    return cast("int | None", row.since)


def has_unasked(db: Transaction, session_id: str) -> bool:
    """True if the customer said something that no turn has told the agent."""
    return bool(_UNASKED.run(db, {"session": session_id}))


def _that_fit(rows: Sequence[Any]) -> Sequence[Any]:
    """Of public words, the newest first, those that fit, the oldest first."""
    size = 0
    kept: list[Any] = []
    for row in rows:
        size += len(row.text.encode())
        if kept and size > MOST_BYTES:
            break
        kept.append(row)
    return kept[::-1]


def _message(row: Any, turn_id: str) -> TurnMessage:
    return TurnMessage(
        id=row.id,
        author=Actor(kind=row.author_kind, id=row.author_id, name=row.author_name),
        text=row.text,
        occurred_at=from_micros(row.at % UNPLACED),
        attachments=[Attachment(**cast("dict[str, Any]", one)) for one in row.attachments],
        new=row.asked_in in (None, turn_id),
    )


def _contact(rows: Sequence[Any]) -> TurnContact | None:
    if not rows:
        return None  # an anonymous one
    (row,) = rows
    return TurnContact(id=row.id, name=row.name, email=row.email, verified=row.verified)


def _brief(rows: Sequence[Any], run: Run | None) -> str | None:
    """What people did with the session: who, from when to when, why, and what was said meanwhile.

    Their words are marked as a person's; None if people never held it.
    """
    stretch = run.stretches[-1] if run and run.stretches else None
    if stretch is None or stretch.ended_at is None:
        return None
    lines = [f"People held this session from {_moment(stretch.began_at)} to "
             f"{_moment(stretch.ended_at)}."]  # fmt: skip
    if stretch.handover is not None and stretch.handover.reason:
        lines.append(f"It was handed to them because: {stretch.handover.reason}")
    said = [row for row in rows if stretch.began_at <= _said_at(row) <= stretch.ended_at]
    for row in said:
        what = "a person" if row.author_kind == "operator" else row.author_kind
        mark = "" if what == "customer" else f" ({what})"
        lines.append(f"{_name(row)}{mark}: {row.text}")
    if not any(row.author_kind == "operator" for row in said):
        lines.append("None of them wrote to the customer.")
    return "\n".join(lines)


def _said_at(row: Any) -> int:
    return int(row.at % UNPLACED)


def _moment(micros: int) -> str:
    return from_micros(micros).strftime("%Y-%m-%dT%H:%M:%SZ")


def _previous_summary(db: Transaction, rows: Sequence[Any]) -> str | None:
    """What was known of the session before this one: its summary, else how it ended."""
    row = rows[0] if rows else None
    if row is None or row.forgotten_at is not None:
        return None
    if row.summary:
        return cast(str, row.summary)
    last = _LAST_WORDS.run(db, {"session": row.id})
    ended = f" It ended at {_moment(row.finished_at)}." if row.finished_at else ""
    lines = [f"There was a session before this one.{ended} The last words in it:"]
    lines += [f"{_name(one)}: {one.text[:_CUT_AT]}" for one in reversed(last) if one.text]
    return "\n".join(lines) if last else None


def _name(row: Any) -> str:
    return str(row.author_name or _ROLES.get(row.author_kind) or row.author_kind.capitalize())
