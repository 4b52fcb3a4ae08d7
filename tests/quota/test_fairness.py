"""Who comes alone is never held up; where several come, the crowd of one waits for itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.errors import Unavailable
from gateway.quota.fairness import LEAST, REMEMBERED_S, TIMES, Fairness
from tests.services.processes import wait_until


class Hands:
    """Deliveries that are in hand until a test lets them go, each on a thread of its own."""

    def __init__(self, fairness: Fairness) -> None:
        self._fairness = fairness
        self._go: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.refused = 0

    def send(self, who: str, count: int = 1) -> None:
        for _ in range(count):
            thread = threading.Thread(target=self._one, args=(who,))
            thread.start()
            self._threads.append(thread)

    def let_go(self, who: str) -> None:
        self._go.setdefault(who, threading.Event()).set()

    def end(self) -> None:
        for who in [*self.inside, *self._go]:
            self.let_go(who)
        for thread in self._threads:
            thread.join(20)

    def _one(self, who: str) -> None:
        with self.lock:
            go = self._go.setdefault(who, threading.Event())
        try:
            with self._fairness.place(who):
                with self.lock:
                    self.inside[who] = self.inside.get(who, 0) + 1
                    self.most[who] = max(self.most.get(who, 0), self.inside[who])
                go.wait(20)
                with self.lock:
                    self.inside[who] -= 1
        except Unavailable:
            with self.lock:
                self.refused += 1


class Ticking:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@contextmanager
def hands(clock: Ticking, patience_s: float = 20.0) -> Iterator[Hands]:
    with ExitStack() as stack:
        made = Hands(Fairness(patience_s=patience_s, now=clock))
        stack.callback(made.end)
        yield made


def test_who_comes_alone_is_not_held_up() -> None:
    with hands(Ticking()) as them:
        them.send("a", 30)
        wait_until(lambda: them.inside.get("a") == 30, "all of them")


def test_a_crowd_waits_for_itself_where_others_come() -> None:
    clock = Ticking()
    with hands(clock) as them:
        them.send("b")
        wait_until(lambda: them.inside.get("b") == 1, "the other")
        clock.time += 0.1
        them.send("a", 30)
        wait_until(lambda: them.inside.get("a") == LEAST, "as many as may")
        # ... and nobody waits for the crowd.
        them.send("c")
        wait_until(lambda: them.inside.get("c") == 1, "a third")
        them.let_go("a")
        wait_until(lambda: them.inside.get("a") == 0, "the crowd, bit by bit")
        assert them.most["a"] == LEAST


def test_two_that_are_busy_do_not_slow_each_other_down() -> None:
    clock = Ticking()
    with hands(clock) as them:
        them.send("b", 20)
        wait_until(lambda: them.inside.get("b") == 20, "one")
        clock.time += 0.1
        them.send("a", 30)
        wait_until(lambda: them.inside.get("a") == 30, "the other")
        assert TIMES * 20 >= 30


def test_when_the_others_are_gone_the_crowd_goes_on() -> None:
    clock = Ticking()
    with hands(clock) as them:
        them.let_go("b")
        them.send("b")
        wait_until(lambda: them.most.get("b") == 1 and them.inside["b"] == 0, "the other")
        clock.time += 0.1
        them.send("a", 30)
        wait_until(lambda: them.inside.get("a") == LEAST, "as many as may")
        clock.time += REMEMBERED_S + 0.1
        them.send("a")  # comes last, and waits for its turn
        them.let_go("a")
        wait_until(lambda: them.inside.get("a") == 0, "all of them")
    with hands(clock) as them:
        them.send("a", 30)
        wait_until(lambda: them.inside.get("a") == 30, "all of them at once")


def test_nobody_waits_for_ever() -> None:
    clock = Ticking()
    with hands(clock, patience_s=0.05) as them:
        them.send("b")
        wait_until(lambda: them.inside.get("b") == 1, "the other")
        clock.time += 0.1
        them.send("a", LEAST + 2)
        wait_until(lambda: them.refused == 2, "those for whom there is no place")
        assert them.inside["a"] == LEAST


def test_what_fails_gives_its_place_back() -> None:
    clock = Ticking()
    fairness = Fairness(now=clock)
    with fairness.place("b"):
        clock.time += 0.1
        for _ in range(3 * LEAST):
            with pytest.raises(ValueError, match="x"), fairness.place("a"):
                raise ValueError("x")
    clock.time += 10
    with fairness.place("c"):
        assert set(fairness._lines) == {"c"}  # who has gone is forgotten
