"""Groups: who comes while one is at work shares the next; nobody is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from gateway.errors import Unavailable
from gateway.store import Together
from tests.services.processes import wait_until


class Bench:
    """Work that can be held up, and what it was given, group by group."""

    def __init__(self, *, most: int = 8, patience_s: float = 10.0) -> None:
        self.groups: list[list[str]] = []
        self.going_on = threading.Event()
        self.may_end = threading.Event()
        self.raises: dict[str, BaseException] = {}
        self.now = 0.0
        self.together: Together[str, str] = Together(
            self.work, most=most, patience_s=patience_s, now=lambda: self.now
        )
        self.pool = ThreadPoolExecutor(16)

    def work(self, pieces: Sequence[str]) -> list[str]:
        self.groups.append(list(pieces))
        self.going_on.set()
        assert self.may_end.wait(10)
        for piece in pieces:
            if piece in self.raises:
                raise self.raises[piece]
        return [piece.upper() for piece in pieces]

    def come(self, *pieces: str) -> list[Future[str]]:
        """Come one after the other; the first that finds nobody at work does it."""
        coming = []
        for piece in pieces:
            waiting = len(self.together._waiting)
            idle = not self.going_on.is_set()
            coming.append(self.pool.submit(self.together.do, piece))
            if idle:
                assert self.going_on.wait(10)
            else:
                expected = waiting + 1
                wait_until(lambda n=expected: len(self.together._waiting) == n, piece)  # type: ignore[misc]
        return coming


def test_who_is_alone_is_done_alone() -> None:
    it = Bench()
    it.may_end.set()
    assert [it.together.do("a"), it.together.do("b")] == ["A", "B"]
    assert it.groups == [["a"], ["b"]]


def test_those_who_come_meanwhile_share_the_next_group() -> None:
    it = Bench(most=3)
    coming = it.come("a", "b", "c", "d", "e")
    it.may_end.set()
    assert [one.result(10) for one in coming] == ["A", "B", "C", "D", "E"]
    assert it.groups == [["a"], ["b", "c", "d"], ["e"]]


def test_what_the_work_raises_everybody_of_its_group_gets() -> None:
    it = Bench()
    it.raises["b"] = KeyError("b")
    first, *others = it.come("a", "b", "c")
    it.may_end.set()
    assert first.result(10) == "A"
    for one in others:
        with pytest.raises(KeyError):
            one.result(10)
    assert it.together.do("d") == "D"


def test_who_is_not_taken_in_time_withdraws() -> None:
    it = Bench(patience_s=0.2)
    (first,) = it.come("a")
    with pytest.raises(Unavailable, match="did not finish in time"):
        it.together.do("b")
    it.may_end.set()
    assert first.result(10) == "A"
    assert it.groups == [["a"]]
    assert it.together.do("c") == "C"


def test_who_waited_long_does_not_try_what_failed_for_others() -> None:
    it = Bench(patience_s=30)
    it.raises["a"] = Unavailable("the database is away")
    first, second = it.come("a", "b")
    it.now += 11  # more than a third of the patience
    (third,) = it.come("c")
    it.may_end.set()
    with pytest.raises(Unavailable, match="away"):
        first.result(10)
    with pytest.raises(Unavailable, match="in vain"):
        second.result(10)
    assert third.result(10) == "C"
    assert it.groups == [["a"], ["c"]]


def test_an_interrupted_leader_leaves_nobody_waiting() -> None:
    it = Bench()
    it.raises["b"] = SystemExit()
    first, second, third = it.come("a", "b", "c")
    it.may_end.set()
    assert first.result(10) == "A"
    with pytest.raises(SystemExit):
        second.result(10)
    with pytest.raises(Unavailable, match="interrupted"):
        third.result(10)
    assert it.together.do("d") == "D"
