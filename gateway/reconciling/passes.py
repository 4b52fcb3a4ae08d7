"""Passes over what changed in a channel: each begins where the one before it began to look.

One at a time for each installation. A pass first walks the channel's list of changes, then waits
until every conversation that it found in doubt has been read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Integer, bindparam, delete, exists, func, select, update

from gateway.reconciling.doubts import PATIENT, added
from gateway.store import Transaction, new_id
from gateway.store.models import Doubt, Installation, Reconciliation, Repair
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, locked, table_of

AskedBy = Literal["clock", "command"]

MIN_AGE_S = 90.0
MIN_AGE_US = int(MIN_AGE_S * 1e6)
"""Intercom sends a notification again after a minute and then forgets it: what is younger than
this may still be on its way."""

OVERLAP_US = 300_000_000
"""How far a pass looks back beyond the last one: a channel's search may lag for minutes."""

_FORGOTTEN_AT_ONCE = 50

_PASSES, _DOUBTS = table_of(Reconciliation), table_of(Doubt)
_HOMES = table_of(Installation)
_LATEST = Prepared(
    lambda _: (
        select(_PASSES.c.began_at, _PASSES.c.ended_at)
        .where(_PASSES.c.channel == bindparam("of_channel"))
        .order_by(_PASSES.c.id.desc())
        .limit(1)
    )
)
_LATEST_OF_ALL = Prepared(
    lambda _: select(
        _HOMES.c.channel,
        # One step in an index for each: passes are kept for weeks, and there are thousands a day.
        *(
            select(column)
            .where(_PASSES.c.channel == _HOMES.c.channel)
            .order_by(_PASSES.c.id.desc())
            .limit(1)
            .scalar_subquery()
            .label(column.name)
            for column in (_PASSES.c.began_at, _PASSES.c.ended_at)
        ),
    )
)
_IN_DOUBT = Prepared(
    lambda _: (
        select(_PASSES.c.id, _PASSES.c.channel)
        .where(
            _PASSES.c.ended_at.is_(None),
            exists().where(
                _DOUBTS.c.reconciliation_id == _PASSES.c.id, _DOUBTS.c.due_at <= bindparam("now")
            ),
        )
        .order_by(_PASSES.c.id)
    )
)
_DUE = Prepared(
    lambda _: (
        select(_PASSES.c.id)
        .where(
            _PASSES.c.ended_at.is_(None),
            _PASSES.c.due_at <= bindparam("now"),
            _PASSES.c.listed_at.is_(None)
            | ~exists().where(
                _DOUBTS.c.reconciliation_id == _PASSES.c.id,
                _DOUBTS.c.tries < bindparam("patient", PATIENT, type_=Integer),
            ),
        )
        .order_by(_PASSES.c.id)
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """An open pass, as far as a worker must know to walk on."""

    id: str
    installation_id: str
    channel: str
    since: int
    until: int
    cursor: str | None
    listed_at: int | None


def latest(db: Transaction, channel: str) -> tuple[int, int | None] | None:
    """When the channel's latest pass began, and ended; None before the first."""
    row = _LATEST.first(db, {"of_channel": channel})
    return None if row is None else (row.began_at, row.ended_at)


def latest_of_all(db: Transaction) -> dict[str, tuple[int, int | None] | None]:
    """The same for every channel that was ever heard of, asked at once."""
    return {
        row.channel: None if row.began_at is None else (row.began_at, row.ended_at)
        for row in _LATEST_OF_ALL.run(db, {})
    }


def begin(
    db: Transaction, installation_id: str, *, asked_by: AskedBy, now: int, since: int | None = None
) -> str:
    """Begin a pass, or join the one that is under way; return its id.

    It looks back to where the last one began to look, the first one to when the installation was
    first heard of (what is older, is history); or to `since`.
    """
    home = db.execute(
        locked(
            db,
            select(Installation.channel, Installation.created_at).where(
                Installation.id == installation_id
            ),
        )
    ).one()
    under_way = db.scalar(
        select(Reconciliation.id).where(
            Reconciliation.installation_id == installation_id, Reconciliation.ended_at.is_(None)
        )
    )
    if under_way is not None:
        return under_way
    before = db.scalar(
        select(Reconciliation.until)
        .where(Reconciliation.installation_id == installation_id)
        .order_by(Reconciliation.id.desc())
        .limit(1)
    )
    known_until = (home.created_at if before is None else before) - OVERLAP_US
    id = new_id("rec")
    db.execute(
        insert_into(db, Reconciliation).values(
            id=id, installation_id=installation_id, channel=home.channel, asked_by=asked_by,
            since=known_until if since is None else min(since, known_until), until=now,
            began_at=now, due_at=now, found=0, doubted=0, read=0, repaired=0, gone=0, lost=0,
            people=0, drift={}, marks={},
        )
    )  # fmt: skip
    db.execute(
        update(Doubt)
        .where(
            Doubt.reconciliation_id.in_(
                select(Reconciliation.id).where(
                    Reconciliation.installation_id == installation_id, Reconciliation.id != id
                )
            )
        )
        .values(reconciliation_id=id)
    )
    return id


def in_doubt(db: Transaction, now: int) -> Sequence[tuple[str, str]]:
    """Open passes that have something to be read now, with their channels, the oldest first."""
    return [(row.id, row.channel) for row in _IN_DOUBT.run(db, {"now": now})]


def due(db: Transaction, now: int) -> Sequence[str]:
    """Open passes that can go on: to be walked on, or with nothing left to wait for."""
    return [row.id for row in _DUE.run(db, {"now": now})]


def take(db: Transaction, id: str, now: int, lease_us: int) -> Pass | None:
    """Take a due pass until the lease is over; None if somebody else has, or it is over."""
    row = db.execute(
        update(Reconciliation)
        .where(
            Reconciliation.id == id, Reconciliation.ended_at.is_(None), Reconciliation.due_at <= now
        )
        .values(due_at=now + lease_us)
        .returning(
            Reconciliation.id, Reconciliation.installation_id, Reconciliation.channel,
            Reconciliation.since, Reconciliation.until, Reconciliation.cursor,
            Reconciliation.listed_at,
        )
    ).one_or_none()  # fmt: skip
    return None if row is None else Pass(**row._mapping)


def count_doubted(db: Transaction, id: str, doubted: int) -> None:
    """So many more conversations are in doubt."""
    db.execute(
        update(Reconciliation)
        .where(Reconciliation.id == id)
        .values(doubted=Reconciliation.doubted + doubted)
    )


def walked(
    db: Transaction,
    taken: Pass,
    cursor: str | None,
    *,
    found: int,
    people: int,
    marks: Mapping[str, int],
    now: int,
) -> None:
    """A page of the list was taken in; `cursor` asks for the next one, None ends the list."""
    before = db.execute(
        locked(
            db,
            select(
                Reconciliation.cursor, Reconciliation.listed_at, Reconciliation.marks,
                Reconciliation.drift,
            ).where(Reconciliation.id == taken.id),
        )
    ).one()  # fmt: skip
    if before.cursor != taken.cursor or before.listed_at is not None:
        return  # taken for dead: another worker has walked on meanwhile
    learned = {"contact": people} if people else {}
    db.execute(
        update(Reconciliation)
        .where(Reconciliation.id == taken.id)
        .values(
            cursor=cursor, listed_at=now if cursor is None else None, due_at=now, trouble=None,
            found=Reconciliation.found + found, people=Reconciliation.people + people,
            marks=added(before.marks, marks), drift=added(before.drift, learned),
        )
    )  # fmt: skip


def waits(db: Transaction, id: str, due_at: int, trouble: str | None) -> None:
    """A pass cannot go on before `due_at`; `trouble` says why if somebody must know."""
    db.execute(
        update(Reconciliation)
        .where(Reconciliation.id == id, Reconciliation.ended_at.is_(None))
        .values(due_at=due_at, trouble=trouble)
    )


def end(db: Transaction, id: str, now: int) -> bool:
    """End a pass that has nothing left to wait for; False if it has."""
    left = exists().where(Doubt.reconciliation_id == Reconciliation.id, Doubt.tries < PATIENT)
    ended = db.execute(
        update(Reconciliation)
        .where(
            Reconciliation.id == id, Reconciliation.ended_at.is_(None),
            Reconciliation.listed_at.is_not(None), ~left,
        )
        .values(ended_at=now, trouble=None)
        .returning(Reconciliation.id)
    )  # fmt: skip
    return ended.one_or_none() is not None


def forget(db: Transaction, before: int) -> None:
    """Drop passes that ended before then, and what they repaired; the last one of each stays."""
    newest = select(func.max(Reconciliation.id)).group_by(Reconciliation.installation_id)
    old = (
        select(Reconciliation.id)
        .outerjoin(Doubt, Doubt.reconciliation_id == Reconciliation.id)
        .where(
            Reconciliation.ended_at < before,
            Reconciliation.id.not_in(newest),
            Doubt.conversation_id.is_(None),
        )
        .order_by(Reconciliation.id)
        .limit(_FORGOTTEN_AT_ONCE)
    )
    ids = db.scalars(old).all()
    if ids:
        db.execute(delete(Repair).where(Repair.reconciliation_id.in_(ids)))
        db.execute(delete(Reconciliation).where(Reconciliation.id.in_(ids)))
