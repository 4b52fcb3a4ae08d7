"""Transactions: kept whole or not at all, tried again where that helps, refused in time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.errors import Unavailable
from gateway.store import Database, Transaction, new_id
from gateway.store.models import Claim, Operator
from gateway.store.turnstile import Turnstile


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    it = Database(migrated_url)
    yield it
    it.dispose()


def add(db: Transaction, key: str) -> None:
    db.execute(insert(Claim).values(kind="test", key=key, token="x", until=0))


def keys(database: Database) -> list[str]:
    with database.read() as db:
        return sorted(db.scalars(select(Claim.key)))


def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    def half(db: Transaction) -> None:
        add(db, "half")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        database.write(half)
    database.write(lambda db: add(db, "whole"))
    assert keys(database) == ["whole"]


def test_sqlite_waits_for_the_disk(migrated_sqlite_url: str) -> None:
    """Nobody here pulls the plug, so it is the word that counts."""
    database = Database(migrated_sqlite_url)

    def settings(db: Transaction) -> tuple[object, object]:
        ask = db.connection().exec_driver_sql
        return ask("PRAGMA synchronous").scalar(), ask("PRAGMA journal_mode").scalar()

    assert database.write(settings) == (2, "wal")  # 2: FULL
    with database.read() as db:
        assert settings(db) == (2, "wal")
    database.dispose()


def test_what_is_deleted_is_not_in_the_file(migrated_sqlite_url: str) -> None:
    """Not in pages that are free now, either: what an erasure leaves behind is not searched for."""
    database = Database(migrated_sqlite_url)

    def add_long(db: Transaction) -> None:
        for number in range(20):
            db.execute(insert(Claim).values(
                kind="test", key=str(number), token="a-mark-of-somebody " * 1_000, until=0
            ))  # fmt: skip

    def is_in_it() -> bool:
        assert database.empty_log()
        return b"a-mark-of-somebody" in Path(str(database.engine.url.database)).read_bytes()

    database.write(add_long)
    assert is_in_it()
    database.write(lambda db: db.execute(delete(Claim)))
    assert not is_in_it()
    database.dispose()


def test_a_broken_rule_stays_what_it_is(database: Database) -> None:
    row = {"email": "a@acme.example", "name": "A", "role": "king", "created_at": 0}
    with pytest.raises(IntegrityError):
        database.write(lambda db: db.execute(insert(Operator).values(id=new_id("opr"), **row)))


def test_a_database_out_of_reach_is_unavailable() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nowhere")
    with pytest.raises(Unavailable):
        away.write(lambda db: db.execute(select(Claim.key)))
    with pytest.raises(Unavailable), away.read() as db:
        db.execute(select(Claim.key))
    away.dispose()


def test_a_deadlock_is_tried_again(migrated_postgres_url: str) -> None:
    database = Database(migrated_postgres_url)
    database.write(lambda db: (add(db, "one"), add(db, "two")))
    both = threading.Barrier(2)
    tries: list[str] = []

    def cross(first: str, second: str) -> None:
        def work(db: Transaction) -> None:
            tries.append(first)
            db.execute(update(Claim).where(Claim.key == first).values(until=Claim.until + 1))
            if len(tries) <= 2:
                both.wait(5)
            db.execute(update(Claim).where(Claim.key == second).values(until=Claim.until + 1))

        database.write(work)

    threads = [
        threading.Thread(target=cross, args=pair) for pair in [("one", "two"), ("two", "one")]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as db:
        assert sorted(db.scalars(select(Claim.until))) == [2, 2]
    assert len(tries) == 3
    database.dispose()


def test_many_threads_write_one_after_the_other(database: Database) -> None:
    threads = [
        threading.Thread(target=lambda n=n: database.write(lambda db: add(db, f"{n:02}")))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys(database)) == 20


def test_a_turnstile_keeps_other_processes_out_and_gives_up_in_time(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    holder = subprocess.Popen(
        [sys.executable, "-c",
         "import fcntl, os, sys; fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT);"
         "fcntl.flock(fd, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()", path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Unavailable), Turnstile(path, 0.05).passing():
        raise AssertionError("nobody may be inside")
    holder.communicate()
    with Turnstile(path, 5).passing():
        pass


def test_a_turnstile_lets_others_pass_between_a_busy_ones_turns(tmp_path: Path) -> None:
    path, turns, ended = str(tmp_path / "lock"), [0], threading.Event()

    def busy() -> None:
        turnstile = Turnstile(path, 5)
        while not ended.is_set():
            with turnstile.passing():
                ended.wait(0.002)
                turns[0] += 1

    thread = threading.Thread(target=busy)
    thread.start()
    other, waited = Turnstile(path, 5), []
    for _ in range(15):
        ended.wait(0.003)
        before = turns[0]
        with other.passing():
            waited.append(turns[0] - before)
    ended.set()
    thread.join()
    # A machine that is slow to wake somebody may cost a turn now and then.
    assert sorted(waited)[7] <= 2, waited


def test_ids_made_later_sort_later_and_none_twice() -> None:
    made = [new_id("ses") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(len(one) == len("ses_") + 26 for one in made)
    times = [one[4:13] for one in made]
    assert times == sorted(times)
