"""Answers are counted by the minute, whatever the database does meanwhile."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from sqlalchemy import select

from gateway.clock import MovableClock, to_micros
from gateway.signs import DAY_US, MINUTE_US
from gateway.store import Database, migrate
from gateway.store.models import AnswerMinute
from gateway.watch import answers
from gateway.watch.answers import AnswerCounter
from tests.rig import CHANNEL
from tests.watch.watcher import Watcher

START = datetime(2026, 11, 22, 16, 8, tzinfo=UTC)


def minutes(database: Database) -> list[AnswerMinute]:
    with database.read() as db:
        return list(db.scalars(select(AnswerMinute).order_by(AnswerMinute.minute)))


def test_processes_add_up_in_one_row_a_minute(migrated_url: str) -> None:
    clock = MovableClock(START)
    database = Database(migrated_url, clock=clock)
    one, other = (AnswerCounter(database, every_s=0) for _ in range(2))
    for counter in (one, other):
        counter.note("shop", 200, 0.012)
        counter.note("shop", 200, 0.5)
        counter.note("shop", 200, 5.0)
    clock.advance(20)
    for status in (401, 400, 413, 500, 503):
        other.note("shop", status, 0.002)
    assert one.flush()
    assert other.flush()
    (row,) = minutes(database)
    assert row.minute == to_micros(START)
    assert (row.in_time, row.slow, row.late) == (2, 2, 2)
    assert (row.refused, row.unreadable, row.failed) == (1, 2, 2)
    assert (row.longest_us, row.good_at) == (5_000_000, to_micros(START))
    assert row.bad_at == to_micros(START) + 20_000_000
    clock.advance(40)
    one.note("shop", 200, 0.012)
    assert one.flush()
    assert [row.in_time for row in minutes(database)] == [2, 1]
    database.dispose()


def test_what_is_counted_while_the_database_is_away_is_kept_later(tmp_path: Path) -> None:
    clock = MovableClock(START)
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    database = Database(url, clock=clock)
    counter = AnswerCounter(database, every_s=0)
    for _ in range(3):
        counter.note("shop", 503, 0.1)
        assert not counter.flush()  # there are no tables yet
        clock.advance(60)
    migrate(url)
    assert counter.flush()
    assert [row.failed for row in minutes(database)] == [1, 1, 1]
    assert counter.flush()
    assert [row.failed for row in minutes(database)] == [1, 1, 1]
    database.dispose()


def test_it_is_bounded(tmp_path: Path) -> None:
    clock = MovableClock(START)
    database = Database(f"sqlite:///{tmp_path / 'gateway.db'}", clock=clock)
    counter = AnswerCounter(database, every_s=0)
    for _ in range(answers._MOST_MINUTES + 50):
        counter.note("shop", 503, 0.1)
        clock.advance(60)
    assert not counter.flush()
    assert len(counter._minutes) == answers._MOST_MINUTES
    database.dispose()


def test_no_thread_before_the_first_answer_and_none_after_the_last(
    migrated_sqlite_url: str,
) -> None:
    def flushers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "answers"]

    database = Database(migrated_sqlite_url)
    counter = AnswerCounter(database, every_s=0.01)
    assert flushers() == []
    counter.note("shop", 200, 0.1)
    (flusher,) = flushers()
    counter.note("shop", 200, 0.1)
    assert flushers() == [flusher]
    del counter
    flusher.join(10)
    assert not flusher.is_alive()
    database.dispose()


def test_the_thread_keeps_what_was_counted(migrated_sqlite_url: str) -> None:
    kept = threading.Event()

    class Telling(Database):
        def write(self, work):  # type: ignore[no-untyped-def]
            done = super().write(work)
            kept.set()
            return done

    database = Telling(migrated_sqlite_url)
    counter = AnswerCounter(database, every_s=0.01)
    counter.note("shop", 200, 0.1)
    assert kept.wait(10)
    assert sum(row.in_time for row in minutes(database)) == 1
    database.dispose()


def test_the_row_of_errors_ends_with_an_answer_that_was_well(migrated_url: str) -> None:
    clock = MovableClock(START)
    database = Database(migrated_url, clock=clock)
    counter = AnswerCounter(database, every_s=0)

    def row() -> tuple[int, int | None]:
        assert counter.flush()
        with database.read() as db:
            found = answers.failing(db, "shop")
            return (
                answers.in_a_row(db, "shop", to_micros(clock.now())).errors,
                found and found.errors,
            )

    assert row() == (0, None)
    for _ in range(4):
        counter.note("shop", 503, 0.1)
        clock.advance(60)
    assert row() == (4, 4)
    counter.note("shop", 200, 0.1)
    clock.advance(60)
    assert row() == (0, None)
    counter.note("shop", 200, 5.5)  # too late is an error, too
    assert row() == (1, 1)
    clock.advance(16 * 60)
    assert row() == (0, 1)
    counter.note("other", 200, 0.1)
    assert row() == (0, 1)
    database.dispose()


def test_minutes_are_forgotten_after_eight_days(migrated_url: str) -> None:
    clock = MovableClock(START)
    database = Database(migrated_url, clock=clock)
    counter = AnswerCounter(database, every_s=0)
    counter.note("shop", 200, 0.1)
    clock.advance(8 * 86_400 + 61)
    counter.note("shop", 200, 0.1)
    assert counter.flush()
    database.write(lambda db: answers.forget_minutes(db, to_micros(clock.now())))
    assert len(minutes(database)) == 1
    database.dispose()


def test_the_door_tells_what_it_answers(lite: Watcher) -> None:
    assert lite.post(2) == 200
    assert lite.post(1, secret="another") == 401
    assert lite.post(1, body=b"no JSON") == 400
    assert lite.post(1, seconds=0.7) == 200
    assert lite.post(1, seconds=6) == 200
    figures = lite.health()["answers"]
    assert figures == {
        "in_time": 2, "slow": 1, "late": 1, "refused": 1, "unreadable": 1, "failed": 0,
        "longest_s": 6.0,
    }  # fmt: skip


@pytest.mark.parametrize("path", [CHANNEL, "nothing", f"{CHANNEL}/more"])
def test_strangers_are_not_counted(lite: Watcher, path: str) -> None:
    """Whoever scans the web posts here too: without a signature it was not Intercom."""
    url = f"{lite.rig.url}/webhooks/{path}"
    assert requests.post(url, data=b"{}", timeout=10).status_code in (401, 404)
    assert requests.head(url, timeout=10).status_code in (200, 404)
    assert lite.rig.answers.flush()
    assert set(lite.health()["answers"].values()) == {0}


def test_a_suspension_is_remembered_longer_than_its_minutes(lite: Watcher) -> None:
    lite.ago(days=20)
    lite.meet()
    for day in (18, 17, 16):
        lite.ago(days=day)
        lite.post(5, secret="another")
        lite.look()
    lite.ago(days=9)
    lite.look()
    lite.ago()
    lite.look()
    assert minutes(lite.rig.parts.database) == []
    assert "Intercom has suspended them" in lite.wrong()["suspended"]
    assert "Set live" in lite.findings()["suspended"]["do"]
    lite.post(1)
    lite.rig.advance(61)
    lite.look()
    assert "suspended" not in lite.wrong()
    assert lite.now - DAY_US > 0 < MINUTE_US
