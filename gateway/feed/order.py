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

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    Select,
    and_,
    bindparam,
    column,
    delete,
    func,
    or_,
    select,
    text,
    union_all,
    update,
)

from gateway.store import Database, Transaction
from gateway.store.models import JournalHead, JournalRow
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

_JOURNAL, _HEAD = table_of(JournalRow), table_of(JournalHead)

_AT_ONCE = 1_000
_NOBODY = 2**62
_COLUMNS = (
    "id", "kind", "at", "session_id", "conversation_id", "contact_id", "message_id", "data",
)  # fmt: skip
_AFTER = Prepared(lambda sql: _after(sql.name))
# With those that have no place yet: they stand at the end.
_NEWS = Prepared(
    lambda sql: union_all(
        select(_after(sql.name).subquery("placed")),
        select(_placeless().subquery("placeless")),
    ).order_by("place")
)
_WITHOUT = Prepared(
    lambda _: (
        select(_JOURNAL.c.at)
        .where(_JOURNAL.c.place.is_(None))
        .order_by(_JOURNAL.c.id)
        .limit(bindparam("most", type_=Integer))
    )
)
# With the head, which is there even if nothing happened since. A place that is not given yet is
# after every other one.
_OF_CONVERSATION = Prepared(
    lambda sql: (
        select(
            _HEAD.c.last, _HEAD.c.forgotten,
            select(func.max(_JOURNAL.c.id)).scalar_subquery().label("newest"),
            _place(sql.name).label("place"), *(_JOURNAL.c[name] for name in _COLUMNS),
        )
        .select_from(_HEAD)
        .outerjoin(
            _JOURNAL,
            and_(
                _JOURNAL.c.conversation_id == bindparam("conversation"),
                # On SQLite said for the index, which goes on with the id then.
                and_(_JOURNAL.c.place.is_(None), _JOURNAL.c.id > bindparam("after"))
                if sql.name == "sqlite"
                else or_(_JOURNAL.c.place.is_(None), _JOURNAL.c.place > bindparam("after")),
            ),
        )
        .order_by(_JOURNAL.c.place, _JOURNAL.c.id)
        .limit(bindparam("most", type_=Integer))
    )
)  # fmt: skip
_LOCK = Prepared(lambda sql: sql.locked(select(_HEAD.c.last)))
_GIVE = """
    WITH late AS MATERIALIZED (
        SELECT id FROM journal WHERE place IS NULL ORDER BY id LIMIT :most
    ), given AS (
        SELECT id, (SELECT last FROM journal_head) + row_number() OVER (ORDER BY id) AS place
        FROM late
    ), placed AS (
        UPDATE journal SET place = given.place FROM given WHERE journal.id = given.id
    ), moved AS (
        UPDATE journal_head SET last = last + (SELECT count(*) FROM late)
        WHERE EXISTS (SELECT 1 FROM late)
    )
    SELECT count(*) AS given FROM late
"""
_PLACE = Prepared(
    lambda _: (
        text(_GIVE)
        .bindparams(bindparam("most", type_=Integer))
        .columns(column("given", BigInteger))
    )
)


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
    asked = {"after": after, "most": limit}
    with database.read() as db:
        rows = (_AFTER if database.is_sqlite else _NEWS).run(db, asked)
        if rows and rows[-1].place is None and len(rows) <= limit:
            # What travels in one trip is one transaction, committed when the trip ends: the rows
            # count from then on.
            with db.in_one_trip():
                _LOCK.ask(db, [{}])
                _PLACE.ask(db, [{"most": _AT_ONCE}])
                found = _AFTER.ask(db, [asked])
            rows = found()[0]
    return [Told(*row) for row in rows[:limit]]


def read_of_conversation(
    database: Database, conversation_id: str, after: int, limit: int
) -> tuple[Head, list[Told]]:
    """How far the journal goes, and what it tells of a conversation after a place, in order.

    One statement, where nothing happened. Raises Unavailable.
    """
    asked = {"conversation": conversation_id, "after": after, "most": limit}
    with database.read() as db:
        rows = _OF_CONVERSATION.run(db, asked)
    if not database.is_sqlite and rows[-1].id is not None and rows[-1].place is None:
        _give_all_places(database)
        with database.read() as db:
            rows = _OF_CONVERSATION.run(db, asked)
    first = rows[0]
    last = max(first.newest or 0, first.forgotten) if database.is_sqlite else first.last
    # What came between both statements has no place yet; it is told again when it has one.
    told = [
        Told(last if row.place is None else row.place, *row[4:])
        for row in rows
        if row.id is not None
    ]
    return Head(last, first.forgotten), told


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
    place = _place(db.kind)
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
        oldest = _WITHOUT.first(db, {"most": 1})
    if oldest is not None and oldest.at < until:
        _put_in_order(database)  # nobody has read them yet
    while database.write(lambda db: _forget_some(db, until, needed_from(db))) == _AT_ONCE:
        pass


def _forget_some(db: Transaction, until: int, before: int | None) -> int:
    """Forget some; how many: fewer than are forgotten at once if there are no more."""
    place = _place(db.kind)
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
        if not _WITHOUT.run(db, {"most": 1}):
            return
    _give_all_places(database)


def _give_all_places(database: Database) -> None:
    while database.write(_give_places) == _AT_ONCE:
        pass


def _give_places(db: Transaction) -> int:
    # Who holds this row gives places; what others gave before is seen from the next statement on.
    with db.in_one_trip():
        _LOCK.ask(db, [{}])
        given = _PLACE.ask(db, [{"most": _AT_ONCE}])
    return int(given()[0][0].given)


def _head(db: Transaction) -> Head:
    row = db.execute(select(JournalHead.last, JournalHead.forgotten)).one()
    if db.kind == "sqlite":
        newest = db.scalar(select(func.max(JournalRow.id)))
        return Head(max(newest or 0, row.forgotten), row.forgotten)
    return Head(row.last, row.forgotten)


def _after(kind: str) -> Select[*tuple[Any, ...]]:
    """Rows after a place, in order."""
    return (
        select(_place(kind).label("place"), *(_JOURNAL.c[name] for name in _COLUMNS))
        .where(_place(kind) > bindparam("after", type_=BigInteger))
        .order_by(_place(kind))
        .limit(bindparam("most", type_=Integer))
    )


def _placeless() -> Select[*tuple[Any, ...]]:
    """A row that has no place yet."""
    columns = (_JOURNAL.c[name] for name in _COLUMNS)
    return select(_JOURNAL.c.place, *columns).where(_JOURNAL.c.place.is_(None)).limit(1)


def _place(kind: str) -> Column[Any]:
    return _JOURNAL.c.id if kind == "sqlite" else _JOURNAL.c.place
