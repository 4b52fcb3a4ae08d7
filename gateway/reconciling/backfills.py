"""Backfills: a channel's past is listed, and each conversation of it is read once.

One at a time for each channel. A backfill lists what changed up to the moment at which it began,
and then what changed while it listed; what it listed is a row until it has been read. So it may be
broken off anywhere, by whatever breaks, and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Exists, delete, exists, func, select, update

from gateway.reconciling.doubts import PATIENT
from gateway.reconciling.passes import MIN_AGE_US
from gateway.store import Transaction, new_id
from gateway.store.models import Backfill, Conversation, PastConversation
from gateway.store.models.backfills import THE_BEGINNING
from gateway.store.sql import insert_into, locked


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A backfill that a worker has taken, as far as it must know to go a step on."""

    id: str
    channel: str
    installation_id: str | None
    horizon: int | None
    until: int
    began_at: int
    list_since: int
    list_until: int
    cursor: str | None
    listed_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A conversation of the past that a worker has taken, to be read up to `horizon` (µs)."""

    backfill_id: str
    external_id: str
    channel: str
    installation_id: str
    horizon: int
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What reading one of them came to: so many messages are new, so many parts are out of reach.

    It may be `gone`, or too `young` to have a past.
    """

    messages: int = 0
    lost: int = 0
    gone: bool = False
    young: bool = False


def begin(
    db: Transaction, channel: str, *, now: int, since: int | None = None, until: int | None = None
) -> str:
    """Begin a backfill of what last changed within these times (µs); return its id.

    Where one is under way it is joined, whatever times it was begun with.
    """
    until = now if until is None else min(until, now)
    since = max(since or THE_BEGINNING, THE_BEGINNING)
    id = new_id("bkf")
    counts = dict.fromkeys(
        ("found", "known", "read", "gone", "failed", "messages", "shortened", "lost", "people",
         "staff"), 0
    )  # fmt: skip
    begun = db.scalar(
        insert_into(db, Backfill)
        .values(
            id=id, channel=channel, since=since, until=until, list_since=since, list_until=until,
            began_at=now, due_at=now, **counts,
        )
        .on_conflict_do_nothing()
        .returning(Backfill.id)
    )  # fmt: skip
    if begun is not None:
        return id
    return db.scalars(
        select(Backfill.id).where(Backfill.channel == channel, Backfill.ended_at.is_(None))
    ).one()


def under_way(db: Transaction) -> Sequence[tuple[str, str]]:
    """Backfills that are not over, with their channels, the oldest first."""
    rows = db.execute(
        select(Backfill.id, Backfill.channel)
        .where(Backfill.ended_at.is_(None))
        .order_by(Backfill.id)
    )
    return [(row.id, row.channel) for row in rows]


# -- the list --------------------------------------------------------------------------------------


def due(db: Transaction, now: int) -> Sequence[str]:
    """Backfills that can go a step on: to be listed on, or with nothing left to read."""
    rows = db.execute(
        select(Backfill.id)
        .where(
            Backfill.ended_at.is_(None),
            Backfill.due_at <= now,
            Backfill.listed_at.is_(None) | ~_left(),
        )
        .order_by(Backfill.id)
    )
    return [row.id for row in rows]


def take(db: Transaction, id: str, now: int, lease_us: int) -> Walk | None:
    """Take a due backfill until the lease is over; None if somebody else has, or it is over."""
    row = db.execute(
        update(Backfill)
        .where(Backfill.id == id, Backfill.ended_at.is_(None), Backfill.due_at <= now)
        .values(due_at=now + lease_us)
        .returning(*(getattr(Backfill, name) for name in Walk.__slots__))
    ).one_or_none()
    return None if row is None else Walk(**row._mapping)


def opened(
    db: Transaction, walk: Walk, installation_id: str, *, staff: int, skew_us: int, now: int
) -> None:
    """The channel has told which workspace it is, who works there, and how its clock goes.

    What was said just before the backfill began may still be on its way, so that is no history.
    """
    horizon = min(walk.until, walk.began_at - MIN_AGE_US) - skew_us
    db.execute(
        update(Backfill)
        .where(Backfill.id == walk.id, Backfill.installation_id.is_(None))
        .values(
            installation_id=installation_id, horizon=horizon, staff=staff, due_at=now, trouble=None
        )
    )


def listed(
    db: Transaction,
    walk: Walk,
    changed: Mapping[str, int],
    cursor: str | None,
    *,
    people: int,
    total: int | None,
    now: int,
) -> None:
    """Keep a page of the list, of conversations that changed at these times (µs).

    `cursor` asks for the next page, None ends the list. After the list of the past comes that of
    what has changed meanwhile: whatever moved there before its page was asked for was not listed.
    """
    before = db.execute(
        locked(
            db,
            select(Backfill.cursor, Backfill.list_until, Backfill.listed_at).where(
                Backfill.id == walk.id
            ),
        )
    ).one()
    if (before.cursor, before.list_until) != (walk.cursor, walk.list_until) or before.listed_at:
        return  # stopped, or taken for dead: another worker has walked on meanwhile
    unread = _unread(db, walk, changed)
    kept = _keep(db, walk, unread, now)
    first = walk.list_until == walk.until
    meanwhile = cursor is None and first and walk.until == walk.began_at
    over = cursor is None and not meanwhile
    db.execute(
        update(Backfill)
        .where(Backfill.id == walk.id)
        .values(
            cursor=cursor, due_at=now, trouble=None, listed_at=now if over else None,
            list_since=walk.until if meanwhile else walk.list_since,
            list_until=max(now, walk.until + 1) if meanwhile else walk.list_until,
            found=Backfill.found + kept,
            known=Backfill.known + (len(changed) - len(unread) if first else 0),
            people=Backfill.people + (people if first else 0),
            expected=total if first and walk.cursor is None else Backfill.expected,
        )
    )  # fmt: skip


def waits(db: Transaction, id: str, due_at: int, trouble: str | None) -> None:
    """A backfill cannot go on before `due_at`; `trouble` says why if somebody must know."""
    db.execute(
        update(Backfill)
        .where(Backfill.id == id, Backfill.ended_at.is_(None))
        .values(due_at=due_at, trouble=trouble)
    )


def stop(db: Transaction, id: str, now: int) -> bool:
    """Stop a backfill where it is; False if it is over. What it has read stays.

    One that has not reached its channel yet is as if it had never begun.
    """
    unread = delete(PastConversation).where(PastConversation.backfill_id == id)
    unended = (Backfill.id == id) & Backfill.ended_at.is_(None)
    # Before the backfill's own row, as whoever has read one: so nobody waits in a circle.
    db.execute(unread)
    stopped = db.scalar(
        update(Backfill)
        .where(unended, Backfill.installation_id.is_not(None))
        .values(
            stopped_at=now, ended_at=now, listed_at=func.coalesce(Backfill.listed_at, now),
            trouble=None,
        )
        .returning(Backfill.id)
    )  # fmt: skip
    if stopped is not None:
        db.execute(unread)  # of a page that was taken in a moment ago
        return True
    return db.scalar(delete(Backfill).where(unended).returning(Backfill.id)) is not None


def end(db: Transaction, id: str, now: int) -> bool:
    """End a backfill that has nothing left to read, but what cannot be; False if it has."""
    failed = select(func.count()).where(PastConversation.backfill_id == id).scalar_subquery()
    ended = db.scalar(
        update(Backfill)
        .where(
            Backfill.id == id, Backfill.ended_at.is_(None), Backfill.listed_at.is_not(None),
            ~_left(),
        )
        .values(ended_at=now, trouble=None, failed=failed)
        .returning(Backfill.id)
    )  # fmt: skip
    if ended is None:
        return False
    db.execute(delete(PastConversation).where(PastConversation.backfill_id == id))
    return True


# -- what is read ----------------------------------------------------------------------------------


def unread(db: Transaction, backfill_id: str, now: int, most: int) -> Sequence[str]:
    """The channel's ids of conversations to be read now, the newest first."""
    return db.scalars(
        select(PastConversation.external_id)
        .where(PastConversation.backfill_id == backfill_id, PastConversation.due_at <= now)
        .order_by(PastConversation.changed_at.desc())
        .limit(most)
    ).all()


def take_one(
    db: Transaction, backfill_id: str, external_id: str, now: int, lease_us: int
) -> Taken | None:
    """Take a conversation until the lease is over; None if somebody else has, or it is read."""
    tries = db.scalar(
        update(PastConversation)
        .where(
            PastConversation.backfill_id == backfill_id,
            PastConversation.external_id == external_id,
            PastConversation.due_at <= now,
        )
        .values(due_at=now + lease_us)
        .returning(PastConversation.tries)
    )
    if tries is None:
        return None
    row = db.execute(
        select(Backfill.channel, Backfill.installation_id, Backfill.horizon).where(
            Backfill.id == backfill_id
        )
    ).one()
    return Taken(backfill_id=backfill_id, external_id=external_id, tries=tries, **row._mapping)


def later(db: Transaction, taken: Taken, due_at: int, *, tried: bool) -> None:
    """The conversation could not be read: try again at `due_at`."""
    db.execute(
        update(PastConversation)
        .where(
            PastConversation.backfill_id == taken.backfill_id,
            PastConversation.external_id == taken.external_id,
        )
        .values(due_at=due_at, tries=taken.tries + tried)
    )


def settle(db: Transaction, taken: Taken, read: Read) -> bool:
    """The conversation was read: cross it out and count; False if it had been before."""
    crossed_out = db.scalar(
        delete(PastConversation)
        .where(
            PastConversation.backfill_id == taken.backfill_id,
            PastConversation.external_id == taken.external_id,
        )
        .returning(PastConversation.external_id)
    )
    if crossed_out is None:
        return False
    db.execute(
        update(Backfill)
        .where(Backfill.id == taken.backfill_id)
        .values(
            found=Backfill.found - int(read.young),
            read=Backfill.read + int(not (read.gone or read.young)),
            gone=Backfill.gone + int(read.gone),
            messages=Backfill.messages + read.messages, lost=Backfill.lost + read.lost,
            shortened=Backfill.shortened + int(read.lost > 0),
        )
    )  # fmt: skip
    return True


def _left() -> Exists:
    return exists().where(
        PastConversation.backfill_id == Backfill.id, PastConversation.tries < PATIENT
    )


def _unread(db: Transaction, walk: Walk, changed: Mapping[str, int]) -> Mapping[str, int]:
    """Those of which the record does not know all that is history."""
    assert walk.horizon is not None
    known = db.execute(
        select(Conversation.external_id, Conversation.truth_at).where(
            Conversation.installation_id == walk.installation_id,
            Conversation.external_id.in_(changed),
        )
    )
    truth = {row.external_id: row.truth_at for row in known}
    return {id: at for id, at in changed.items() if truth.get(id, 0) < min(at, walk.horizon)}


def _keep(db: Transaction, walk: Walk, unread: Mapping[str, int], now: int) -> int:
    if not unread:
        return 0
    rows = [
        {
            "backfill_id": walk.id, "external_id": id, "changed_at": at, "due_at": now, "tries": 0,
        }
        for id, at in unread.items()
    ]  # fmt: skip
    kept = db.execute(
        insert_into(db, PastConversation)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(PastConversation.external_id)
    )
    return len(kept.all())
