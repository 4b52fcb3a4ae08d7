"""The journal's order: a reader passes by nothing, however transactions end."""

import random
import threading

import pytest
from sqlalchemy import func, select

from gateway import feed
from gateway.store import Database, Transaction
from gateway.store.models import JournalRow
from tests.services.statements import counted


def tell(db: Transaction, what: str, at: int = 1) -> None:
    feed.tell(db, "session.updated", at=at, session_id=what)


def told(database: Database, after: int = 0) -> list[str | None]:
    return [row.session_id for row in feed.read(database, after, 100)]


def test_what_is_told_is_read_in_order(database: Database) -> None:
    for number in range(5):
        database.write(lambda db, number=number: tell(db, str(number)))
    rows = feed.read(database, 0, 3)
    assert [row.session_id for row in rows] == ["0", "1", "2"]
    assert told(database, rows[-1].place) == ["3", "4"]
    head = feed.head(database)
    assert (head.last, head.forgotten) == (rows[-1].place + 2, 0)
    assert feed.read(database, head.last, 10) == []


def test_what_is_rolled_back_was_never_told(database: Database) -> None:
    class No(Exception):
        pass

    def fail(db: Transaction) -> None:
        tell(db, "never")
        db.write_postponed()
        raise No

    with pytest.raises(No):
        database.write(fail)
    database.write(lambda db: tell(db, "after"))
    assert told(database) == ["after"]


def test_a_row_committed_late_is_not_passed_by(migrated_postgres_url: str) -> None:
    """Two open transactions: the one with the lower id commits after the other was read."""
    database = Database(migrated_postgres_url)
    with Transaction(database.engine) as slow:
        tell(slow, "slow")
        slow.write_postponed()
        with Transaction(database.engine) as quick:
            tell(quick, "quick")
            ids = {  # each sees its own
                "slow": slow.scalar(select(JournalRow.id)),
                "quick": quick.scalar(select(JournalRow.id)),
            }
            quick.commit()
        assert ids["slow"] < ids["quick"]
        first = feed.read(database, 0, 10)
        assert [row.session_id for row in first] == ["quick"]
        assert told(database, first[-1].place) == []
        slow.commit()
    # Now the lower one is there, too: after the cursor, not before it.
    second = feed.read(database, first[-1].place, 10)
    assert [row.session_id for row in second] == ["slow"]
    assert second[0].id < first[0].id
    assert second[0].place > first[0].place
    database.dispose()


def test_readers_at_once_read_the_same(migrated_postgres_url: str) -> None:
    """Writers that commit in any order and readers beside them: all read all, in one order."""
    database = Database(migrated_postgres_url, pool_size=12)
    writing = threading.Event()
    writing.set()
    found: list[list[tuple[int, str | None]]] = [[], [], []]

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(25):
            with Transaction(database.engine) as db:
                tell(db, f"{seed}.{number}")
                db.write_postponed()
                threading.Event().wait(chance.random() * 0.004)
                db.commit()

    def follow(mine: list[tuple[int, str | None]]) -> None:
        while True:
            last = not writing.is_set()
            rows = feed.read(database, mine[-1][0] if mine else 0, 7)
            mine += [(row.place, row.session_id) for row in rows]
            if last and not rows:
                return

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    readers = [threading.Thread(target=follow, args=(mine,)) for mine in found]
    for thread in [*writers, *readers]:
        thread.start()
    for thread in writers:
        thread.join()
    writing.clear()
    for thread in readers:
        thread.join(30)
    assert found[0] == found[1] == found[2]
    names = [name for _, name in found[0]]
    assert len(names) == len(set(names)) == 100
    assert [place for place, _ in found[0]] == sorted({place for place, _ in found[0]})
    for seed in range(4):  # what one writer told after the other is read so
        mine = [name for name in names if name and name.startswith(f"{seed}.")]
        assert mine == [f"{seed}.{number}" for number in range(25)]
    database.dispose()


def test_what_is_forgotten_is_all_up_to_a_place(database: Database) -> None:
    for number in range(6):
        database.write(lambda db, number=number: tell(db, str(number), at=number))
    places = [row.place for row in feed.read(database, 0, 10)]

    feed.forget(database, 4, lambda db: places[2])  # somebody still needs the third
    assert told(database) == ["2", "3", "4", "5"]
    feed.forget(database, 4, lambda db: None)
    assert told(database) == ["4", "5"]
    assert feed.head(database).forgotten == places[3]
    feed.forget(database, 10, lambda db: None)
    # A cursor stays valid when nothing is left: ids and places never come again.
    assert feed.head(database).last == places[-1]
    database.write(lambda db: tell(db, "new"))
    assert told(database, places[-1]) == ["new"]


def test_who_reads_gives_places_for_good(migrated_postgres_url: str) -> None:
    """In the trip that reads what got them: nothing else is asked."""
    database = Database(migrated_postgres_url)
    database.write(lambda db: tell(db, "a"))
    feed.read(database, 0, 10)
    with counted(database) as asked:
        assert feed.read(database, 1, 10) == []
    assert len(asked) == 1
    database.write(lambda db: [tell(db, str(number)) for number in range(3)])
    with counted(database) as asked:
        rows = feed.read(database, 1, 2)
    assert len(asked) == 4
    assert [(row.place, row.session_id) for row in rows] == [(2, "0"), (3, "1")]
    with counted(database) as asked:
        assert told(database, 3) == ["2"]
    assert len(asked) == 1, "all of them had got their places, for good"
    database.dispose()


def test_news_rings_once_for_a_commit(database: Database) -> None:
    rings: list[int] = []
    database.ring = lambda: rings.append(1)
    database.write(lambda db: [tell(db, "a"), tell(db, "b")])
    assert len(rings) == 1
    database.write(lambda db: db.scalar(select(func.count()).select_from(JournalRow)))
    assert len(rings) == 1


def test_what_nobody_read_is_forgotten_too(database: Database) -> None:
    database.write(lambda db: tell(db, "old", at=1))
    database.write(lambda db: tell(db, "new", at=9))
    feed.forget(database, 5, lambda db: None)
    head = feed.head(database)
    assert head.forgotten == head.last - 1
    assert told(database, head.forgotten) == ["new"]
