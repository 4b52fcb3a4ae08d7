"""One transaction, asked in both ways: in the driver's words, and by SQLAlchemy's session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from gateway.store import Database, Transaction
from gateway.store.database import _in_savepoint
from gateway.store.models import Operator
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of
from tests.store.test_prepared import person

OPERATORS = table_of(Operator)
ADD = Prepared(lambda sql: sql.insert(OPERATORS))


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    it = Database(migrated_url)
    yield it
    it.dispose()


def row(key: str) -> dict[str, Any]:
    return person(key, key)


def there(database: Database) -> list[str]:
    with database.read() as db:
        return list(db.scalars(select(Operator.name).order_by(Operator.id)))


def test_what_is_neither_committed_nor_asked_for_again_is_undone(database: Database) -> None:
    with Transaction(database.engine) as db:
        ADD.count(db, [row("a")])
        db.add(Operator(**row("b")))
        db.flush()
        ADD.later(db, row("c"))
        assert db.scalar(select(Operator.name).where(Operator.id == "opr_c")) == "c"
    assert there(database) == []


def test_both_ways_are_one_transaction_in_one_order(database: Database) -> None:
    def work(db: Transaction) -> None:
        db.add(Operator(**row("a")))
        ADD.later(db, row("b"))
        found = db.session.get(Operator, "opr_b")
        assert found is not None
        found.name = "B"
        ADD.count(db, [row("c")])

    database.write(work)
    assert there(database) == ["a", "B", "c"]


def test_what_is_postponed_is_written_before_what_changed_of_objects(database: Database) -> None:
    def work(db: Transaction) -> None:
        first = Operator(**row("a"))
        db.add(first)
        db.flush()
        first.email = "b@acme.test"
        ADD.later(db, {**row("c"), "email": "c@acme.test"})

    database.write(work)
    assert there(database) == ["a", "c"]

    def late(db: Transaction) -> None:
        held = db.session.get(Operator, "opr_a")
        assert held is not None
        held.email = "d@acme.test"
        # It has the address that the object is about to have, and is there before.
        ADD.later(db, {**row("d"), "email": "d@acme.test"})

    with pytest.raises(IntegrityError):
        database.write(late)
    assert there(database) == ["a", "c"]


def test_who_never_asks_for_a_session_gets_none(database: Database) -> None:
    kept: list[Transaction] = []

    def work(db: Transaction) -> None:
        kept.append(db)
        ADD.count(db, [row("a")])
        ADD.later(db, row("b"))

    database.write(work)
    assert kept[0]._session is None
    assert there(database) == ["a", "b"]


def test_objects_of_one_who_failed_are_not_written_for_the_others(
    migrated_sqlite_url: str,
) -> None:
    """Those who share a commit share a session, too."""
    database = Database(migrated_sqlite_url)
    inside, go_on = threading.Event(), threading.Event()
    refused: list[type[Exception]] = []

    def first(db: Transaction) -> None:
        inside.set()
        assert go_on.wait(10)
        ADD.count(db, [row("a")])

    def fails(db: Transaction) -> None:
        db.add(Operator(**row("b")))
        raise LookupError

    def fails_at_the_end(db: Transaction) -> None:
        db.add(Operator(**{**row("c"), "role": "nobody knows it"}))

    def last(db: Transaction) -> None:
        db.add(Operator(**row("d")))

    def write(work: Any) -> None:
        try:
            database.write(work)
        except (LookupError, IntegrityError) as error:
            refused.append(type(error))

    threads = [threading.Thread(target=write, args=(first,))]
    threads[0].start()
    assert inside.wait(10)
    waiting = database._together
    assert waiting is not None
    for number, work in enumerate((fails, fails_at_the_end, last), 1):
        threads.append(threading.Thread(target=write, args=(work,)))
        threads[-1].start()
        while len(waiting._waiting) < number:
            threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert there(database) == ["a", "d"]
    assert len(refused) == 2  # each on a thread of its own, in either order
    assert set(refused) == {LookupError, IntegrityError}
    database.dispose()


def test_what_has_ended_the_whole_transaction_is_told_as_it_was(migrated_sqlite_url: str) -> None:
    """A full disk undoes everything at once, savepoints too: there is none to go back to."""
    database = Database(migrated_sqlite_url)

    def work(db: Transaction) -> None:
        assert list(db.scalars(select(Operator.name))) == []
        driver: Any = db.connection().connection.dbapi_connection
        driver.execute("ROLLBACK")
        raise LookupError("what happened")

    with (
        pytest.raises(LookupError, match="what happened"),
        Transaction(database.engine, shared=True) as db,
    ):
        _in_savepoint(db, work)
    database.write(lambda db: ADD.count(db, [row("a")]))
    assert there(database) == ["a"]
    database.dispose()
