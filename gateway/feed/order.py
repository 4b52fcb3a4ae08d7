"""Reading the journal: in the order of commits, so that a cursor never passes by what came late.

Ids are given when a row is written, and transactions commit in another order: a reader that went by
ids would pass by a row whose transaction took longer. So on PostgreSQL readers first give a place
to whatever has been committed and has none, one reader at a time: a place is given after the
commit, and it is visible before the next one is given. The rows of one conversation keep their
order, since its lock makes transactions that tell of it follow each other.
SQLite has one writer at a time: there ids are places.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, delete, func, select, text, update

from gateway.store import Database, Transaction
from gateway.store.models import JournalHead, JournalRow
from gateway.store.sql import table_of

_JOURNAL = table_of(JournalRow)

_AT_ONCE = 1_000
_NOBODY = 2**62
_PLACE = text(
    """
    WITH late AS MATERIALIZED (
        SELECT id FROM journal WHERE place IS NULL ORDER BY id LIMIT :most
    ), given AS (
        SELECT id, row_number() OVER (ORDER BY id) AS n FROM late
    ), placed AS (
        UPDATE journal SET place = :last + given.n FROM given WHERE journal.id = given.id
    )
    SELECT count(*) FROM late
    """
)
_ANY_WITHOUT = select(JournalRow.id).where(JournalRow.place.is_(None)).limit(1)


class Told(NamedTuple):
    """A row of the journal; `place` is the cursor of whoever has read it."""

    place: int
    id: int
    kind: str
    at: int
    session_id: str | None
    conversation_id: str | None
    contact_id: str | None
    message_id: str | None
    data: dict[str, Any] | None


class Head(NamedTuple):
    """The place of the newest row, and the highest one that has been forgotten."""

    last: int
    forgotten: int


def head(database: Database) -> Head:
    """How far the journal goes. Raises Unavailable."""
    _put_in_order(database)
    with database.read() as db:
        return _head(db)


def read(database: Database, after: int, limit: int) -> list[Told]:
    """The rows after a place, in the order of commits. Raises Unavailable."""
    _put_in_order(database)
    with database.read() as db:
        return read_before(db, after, None, limit)


def read_before(
    db: Transaction,
    after: int,
    before: int | None,
    limit: int,
    *,
    session_id: str | None = None,
    kinds: Collection[str] = (),
) -> list[Told]:
    """Rows with `after` < place < `before` among those that have a place, in order."""
    place = _place(db)
    query = select(
        place.label("place"), JournalRow.id, JournalRow.kind, JournalRow.at, JournalRow.session_id,
        JournalRow.conversation_id, JournalRow.contact_id, JournalRow.message_id, JournalRow.data,
    ).where(place > after)  # fmt: skip
    if before is not None:
        query = query.where(place < before)
    if session_id is not None:
        query = query.where(JournalRow.session_id == session_id)
    if kinds:
        query = query.where(JournalRow.kind.in_(kinds))
    rows: Sequence[Any] = db.execute(query.order_by(place).limit(limit)).all()
    return [Told(*row) for row in rows]


def forget(
    database: Database, until: int, needed_from: Callable[[Transaction], int | None]
) -> None:
    """Forget the rows from before `until` (µs), up to the place from which somebody needs them.

    Raises Unavailable.
    """
    with database.read() as db:
        oldest = db.scalar(_ANY_WITHOUT.with_only_columns(JournalRow.at).order_by(JournalRow.id))
    if oldest is not None and oldest < until:
        _put_in_order(database)  # nobody has read them yet
    while database.write(lambda db: _forget_some(db, until, needed_from(db))) == _AT_ONCE:
        pass


def _forget_some(db: Transaction, until: int, before: int | None) -> int:
    """Forget some; how many: fewer than are forgotten at once if there are no more."""
    place = _place(db)
    oldest = db.execute(
        select(place, JournalRow.at)
        .where(place.is_not(None), place < (_NOBODY if before is None else before))
        .order_by(place)
        .limit(_AT_ONCE)
    ).all()
    # In order, up to the first that is still wanted: what is forgotten is all up to a place.
    places = []
    for row in oldest:
        if row[1] >= until:
            break
        places.append(row[0])
    if places:
        db.execute(delete(JournalRow).where(place <= places[-1]))
        db.execute(update(JournalHead).values(forgotten=places[-1]))
    return len(places)


def _put_in_order(database: Database) -> None:
    """Give places to what has been committed since; nothing to do on SQLite."""
    if database.is_sqlite:
        return
    with database.read() as db:
        if db.scalar(_ANY_WITHOUT) is None:
            return
    while database.write(_give_places) == _AT_ONCE:
        pass


def _give_places(db: Transaction) -> int:
    # Who holds this row gives places; what others gave before is seen from here on.
    last = db.execute(select(JournalHead.last).with_for_update()).scalar_one()
    given = int(db.execute(_PLACE, {"last": last, "most": _AT_ONCE}).scalar_one())
    if given:
        db.execute(update(JournalHead).values(last=last + given))
    return given


def _head(db: Transaction) -> Head:
    row = db.execute(select(JournalHead.last, JournalHead.forgotten)).one()
    if db.kind == "sqlite":
        newest = db.scalar(select(func.max(JournalRow.id)))
        return Head(max(newest or 0, row.forgotten), row.forgotten)
    return Head(row.last, row.forgotten)


def _place(db: Transaction) -> Column[Any]:
    return _JOURNAL.c.id if db.kind == "sqlite" else _JOURNAL.c.place
