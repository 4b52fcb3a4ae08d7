"""While nothing can be kept the answer is 503 within four seconds; the retry finds nothing half."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text

from tests.hostile.door import Answer, Door, said

TOO_LONG_S = 4.5


@contextmanager
def locked_by_another_program(door: Door) -> Iterator[None]:
    """Somebody writes, or backs up, and takes long."""
    if door.it.database.is_sqlite:
        path = make_url(str(door.it.database.engine.url)).database
        other = sqlite3.connect(str(path), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
        return
    with door.it.database.engine.connect() as connection:
        connection.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()


@contextmanager
def not_there(door: Door) -> Iterator[None]:
    """PostgreSQL takes no connections and ends those it had."""
    url = door.it.database.engine.url
    with contextlib.closing(
        psycopg.connect(host=str(url.query["host"]), user="postgres", autocommit=True)
    ) as admin:
        admin.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [url.database],
        )
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')
            door.it.database.dispose()


def send_all(door: Door, contents: list[Any]) -> list[tuple[Answer, float]]:
    """Send several at the same time; return answers and how long each took."""
    found: list[tuple[Answer, float]] = []

    def send(content: Any) -> None:
        began = time.monotonic()
        found.append((door.send(content), time.monotonic() - began))

    threads = [threading.Thread(target=send, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(contents)
    return found


def rows(door: Door) -> dict[str, int]:
    names = ("inbox", "conversations", "facts", "chat_sessions", "messages", "contacts", "turns")
    return {name: len(door.it.table(name)) for name in names}


def check(door: Door, trouble: Callable[[Door], Any], name: str, number: int) -> None:
    contents = [
        said(f"<p>{name} {n}</p>", id=f"{name} {n}", conversation=f"{number + n}") for n in range(6)
    ]
    assert door.send(said("<p>x</p>", id=name, conversation=str(number + 9))).status == 200
    before = rows(door)
    with trouble(door):
        answers = send_all(door, contents)
        for answer, took in answers:
            assert answer.status == 503
            assert answer.error.startswith("unavailable: ")
            assert took < TOO_LONG_S, sorted(round(took, 1) for _, took in answers)
        health = door.knock(b"", method="GET", path="/healthz")
        assert health.status == 200
    assert rows(door) == before
    assert {answer.status for answer, _ in send_all(door, contents)} == {200}
    after = rows(door)
    assert {name: after[name] - before[name] for name in ("inbox", "chat_sessions", "turns")} == {
        "inbox": 6,
        "chat_sessions": 6,
        "turns": 6,
    }
    # And once more: what was kept is known.
    assert {answer.status for answer, _ in send_all(door, contents)} == {200}
    assert rows(door) == after


@pytest.mark.slow
def test_a_locked_database_is_503_in_time(door: Door) -> None:
    check(door, locked_by_another_program, "locked", 84_000)


@pytest.mark.slow
@pytest.mark.parametrize("door", ["postgresql"], indirect=True)
def test_a_database_that_is_not_there_is_503(door: Door) -> None:
    check(door, not_there, "gone", 85_000)
