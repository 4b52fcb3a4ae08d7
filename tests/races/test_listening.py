"""A drain that runs is told of work: no job is made for it, and nothing is missed (P4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis
from rq import Queue

from gateway.clock import SystemClock
from gateway.sync.drain import Drain
from gateway.wake import Waker
from tests.services.processes import wait_until


class Pieces:
    """A kind of work whose pieces are what was put down, and not done yet."""

    def __init__(self, kind: str, threads: int = 2) -> None:
        self.kind, self.threads = kind, threads
        self.left: list[str] = []
        self.begun: list[str] = []
        self.done: list[str] = []
        self.soon = False
        self.looks = 0
        self.free = threading.Event()
        self.free.set()

    def due(self, limit: int) -> Sequence[str]:
        self.looks += 1
        return self.left[:limit]

    def due_within(self, seconds: float) -> bool:
        return self.soon

    def do(self, key: str) -> None:
        self.begun.append(key)
        self.free.wait(20)
        if key in self.left:
            self.left.remove(key)
        self.done.append(key)

    def abandon(self, keys: Sequence[str]) -> None:
        pass


class Listening:
    """A drain in a thread of its own, which listens and lingers."""

    def __init__(self, waker: Waker, work: Pieces, linger_s: float = 20.0) -> None:
        self.stopping = threading.Event()
        self.more: list[bool] = []
        drain = Drain(work, SystemClock(), self.stopping, None, waker.listener(work.kind), linger_s)
        self._thread = threading.Thread(target=lambda: self.more.append(drain.run()))

    def __enter__(self) -> Listening:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def is_over(self) -> bool:
        return bool(self.more)


@pytest.fixture
def connection(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as made:
        yield made


@pytest.fixture
def waker(connection: redis.Redis) -> Waker:
    return Waker(connection)  # not impatient: this machine may be slow


def listeners(connection: redis.Redis, kind: str) -> int:
    return int(connection.llen(f"wake:{kind}:listeners"))


def name_taken(connection: redis.Redis, kind: str) -> Any:
    """Take the only listener's name off the list, as somebody does who is about to tell it."""
    (name,) = connection.lrange(f"wake:{kind}:listeners", 0, -1)
    connection.delete(f"wake:{kind}:listeners")
    return name


def jobs(connection: redis.Redis, queue: str) -> list[str]:
    return [job.args[0] for job in Queue(queue, connection=connection).jobs]


def test_who_listens_is_told_and_no_job_is_made(waker: Waker, connection: redis.Redis) -> None:
    work = Pieces("turns")
    with Listening(waker, work):
        wait_until(lambda: listeners(connection, "turns") == 1, "a listener")
        for number in range(3):
            work.left.append(f"turn {number}")
            waker.wake("turns")
            wait_until(lambda number=number: f"turn {number}" in work.done, "its work")
        assert jobs(connection, "turns") == []
    assert listeners(connection, "turns") == 0


def test_a_piece_that_is_named_is_not_looked_for(waker: Waker, connection: redis.Redis) -> None:
    work = Pieces("deliver")
    with Listening(waker, work):
        wait_until(lambda: listeners(connection, "deliver") == 1, "a listener")
        waker.wake("deliver", "cnv_1")  # nothing that a look would find
        wait_until(lambda: work.done == ["cnv_1"], "its work")


def test_a_piece_named_while_it_is_done_is_looked_for_again(
    waker: Waker, connection: redis.Redis
) -> None:
    work = Pieces("deliver")
    work.free.clear()
    with Listening(waker, work):
        wait_until(lambda: listeners(connection, "deliver") == 1, "a listener")
        work.left = ["cnv_1"]
        waker.wake("deliver", "cnv_1")
        wait_until(lambda: listeners(connection, "deliver") == 1, "a listener")
        waker.wake("deliver", "cnv_1")
        work.free.set()
        wait_until(lambda: work.done[:1] == ["cnv_1"], "its work")
        work.left.append("cnv_1")
        wait_until(lambda: len(work.done) >= 2, "what came meanwhile")


def test_what_comes_while_it_is_being_told_is_looked_for_at_once(
    waker: Waker, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is not in the list just then, and a job waits for this worker's hands."""
    monkeypatch.setattr("gateway.sync.drain._LOOK_S", 60.0)
    work = Pieces("deliver")
    with Listening(waker, work):
        wait_until(lambda: listeners(connection, "deliver") == 1, "a listener")
        name = name_taken(connection, "deliver")
        work.left += ["cnv_1", "cnv_2"]
        waker.wake("deliver", "cnv_2")
        assert jobs(connection, "deliver") == ["deliver"]
        connection.publish(name, "cnv_1")
        wait_until(lambda: set(work.done) >= {"cnv_1", "cnv_2"}, "both")


def test_one_for_whom_nobody_was_found_is_looked_for_once(
    waker: Waker, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job waits for this worker's hands, and says so for seconds."""
    monkeypatch.setattr("gateway.sync.drain._LOOK_S", 60.0)
    work = Pieces("deliver")
    with Listening(waker, work):
        wait_until(lambda: listeners(connection, "deliver") == 1, "a listener")
        for number in (1, 2):  # the second makes no job any more, and is looked for all the same
            name = name_taken(connection, "deliver")
            work.left.append(f"missed {number}")
            waker.wake("deliver", f"missed {number}")
            connection.publish(name, f"told {number}")
            wait_until(lambda number=number: f"missed {number}" in work.done, "what was missed")
            wait_until(lambda: listeners(connection, "deliver") == 1, "a listener")
        assert jobs(connection, "deliver") == ["deliver"]
        looks = work.looks
        for number in (3, 4, 5):
            waker.wake("deliver", f"told {number}")
            wait_until(lambda number=number: f"told {number}" in work.done, "its work")
        assert work.looks == looks


def test_what_is_due_in_a_moment_is_looked_for_while_another_is_done(
    waker: Waker, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells of a turn whose debounce is over."""
    monkeypatch.setattr("gateway.sync.drain._LOOK_S", 60.0)
    work = Pieces("turns")
    work.soon = True
    work.free.clear()
    with Listening(waker, work):
        wait_until(lambda: listeners(connection, "turns") == 1, "a listener")
        work.left.append("now")
        wait_until(lambda: work.begun == ["now"], "the first")
        work.left.append("soon")
        wait_until(lambda: "soon" in work.begun, "the second")
        work.free.set()


def test_one_whose_process_died_is_passed_over(waker: Waker, connection: redis.Redis) -> None:
    connection.rpush("wake:turns:listeners", "wake:turns:listeners:dead")
    waker.wake("turns")
    assert jobs(connection, "turns") == ["turns"]
    assert listeners(connection, "turns") == 0


def test_one_that_is_held_up_is_told_once(waker: Waker, connection: redis.Redis) -> None:
    """It was told and has not looked: the next one wakes another worker, by a job."""
    with connection.pubsub() as channel:
        channel.subscribe("wake:turns:listeners:frozen")
        channel.get_message(timeout=5)
        connection.rpush("wake:turns:listeners", "wake:turns:listeners:frozen")
        waker.wake("turns")
        assert jobs(connection, "turns") == []
        waker.wake("turns")
        assert jobs(connection, "turns") == ["turns"]


def test_whose_hands_are_full_has_others_told(waker: Waker, connection: redis.Redis) -> None:
    work = Pieces("turns", threads=1)
    work.free.clear()
    work.left = ["one"]
    with Listening(waker, work):
        wait_until(lambda: work.begun == ["one"], "its only hand")

        def others_are_told() -> bool:
            waker.wake("turns")  # the first of these has it find that there are no hands left
            return jobs(connection, "turns") == ["turns"]

        wait_until(others_are_told, "a job")
        wait_until(lambda: listeners(connection, "turns") == 0, "no listener")
        work.free.set()
        wait_until(lambda: listeners(connection, "turns") == 1, "a listener")


def test_it_makes_way_for_another_kind_of_its_queue(waker: Waker, connection: redis.Redis) -> None:
    with Listening(waker, Pieces("deliver")) as drain:
        wait_until(lambda: listeners(connection, "deliver") == 1, "a listener")
        waker.wake("deadlines")
        assert jobs(connection, "deliver") == ["deadlines"]
        wait_until(drain.is_over, "its end")
    assert drain.more == [False]


def test_redis_is_emptied_while_it_listens(waker: Waker, connection: redis.Redis) -> None:
    """It ends, so that its worker is known again: RQ tells of one only between its jobs."""
    work = Pieces("turns")
    with Listening(waker, work) as drain:
        wait_until(lambda: listeners(connection, "turns") == 1, "a listener")
        connection.flushall()
        wait_until(drain.is_over, "its end")
    assert drain.more == [False]
    assert listeners(connection, "turns") == 0


def test_what_is_told_at_the_end_is_not_lost(waker: Waker, connection: redis.Redis) -> None:
    """Told after the last look: the drain says that there is more."""
    work = Pieces("turns")
    told = threading.Event()
    due = work.due

    def look(limit: int) -> Sequence[str]:
        found = due(limit)
        if not told.is_set():
            told.set()
            waker.wake("turns")  # after this look, and lingering is over
        return found

    work.due = look  # type: ignore[method-assign]
    with Listening(waker, work, linger_s=0.0) as drain:
        wait_until(drain.is_over, "its end")
    assert drain.more == [True]
