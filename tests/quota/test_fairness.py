"""Who comes alone is never held up; where others come, the crowd of one waits for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.errors import Unavailable
from gateway.quota.fairness import (
    CROWD_S,
    FEW,
    PRESSED,
    PRESSED_S,
    REMEMBERED_S,
    RESTS,
    TIMES,
    Fairness,
    OneByOne,
)
from gateway.quota.neighbours import SIZE, Came, Neighbours
from tests.services.processes import wait_until


class Hands:
    """Deliveries that are in hand until a test lets them go, each on a thread of its own."""

    def __init__(self, fairness: Fairness | OneByOne) -> None:
        self._fairness = fairness
        self._go: dict[str, threading.Semaphore] = {}
        self._threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.refused = 0
        self._sent: dict[str, int] = {}
        self._done: dict[str, int] = {}

    def waiting(self, who: str) -> int:
        with self.lock:
            there = self.inside.get(who, 0) + self._done.get(who, 0) + self.refused
            return self._sent.get(who, 0) - there

    def done(self, who: str) -> int:
        with self.lock:
            return self._done.get(who, 0)

    def one_goes(self, who: str) -> None:
        """Let one of those inside go."""
        with self.lock:
            self._go.setdefault(who, threading.Semaphore(0)).release()

    def send(self, who: str, count: int = 1) -> None:
        with self.lock:
            self._sent[who] = self._sent.get(who, 0) + count
        for _ in range(count):
            thread = threading.Thread(target=self._one, args=(who,))
            thread.start()
            self._threads.append(thread)

    def let_go(self, who: str) -> None:
        with self.lock:
            self._go.setdefault(who, threading.Semaphore(0)).release(1_000)

    def end(self) -> None:
        for who in [*self.inside, *self._go]:
            self.let_go(who)
        for thread in self._threads:
            thread.join(20)

    def _one(self, who: str) -> None:
        with self.lock:
            go = self._go.setdefault(who, threading.Semaphore(0))
        try:
            with self._fairness.place(who):
                with self.lock:
                    self.inside[who] = self.inside.get(who, 0) + 1
                    self.most[who] = max(self.most.get(who, 0), self.inside[who])
                go.acquire(timeout=20)
                with self.lock:
                    self.inside[who] -= 1
                    self._done[who] = self._done.get(who, 0) + 1
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
def hands(
    clock: Ticking, patience_s: float = 20.0, fairness: Fairness | OneByOne | None = None
) -> Iterator[Hands]:
    with ExitStack() as stack:
        made = Hands(fairness or Fairness(patience_s=patience_s, now=clock))
        stack.callback(made.end)
        yield made
        clock.time += 1_000  # nobody waits for anybody any more


@contextmanager
def two_processes(clock: Ticking) -> Iterator[tuple[Hands, Hands]]:
    """Two web processes of one machine, which tell each other who comes."""
    one, other = Fairness(now=clock), Fairness(now=clock)
    memory = bytearray(SIZE)
    one.beside(Neighbours(memory, 1))
    other.beside(Neighbours(memory, 2))
    with hands(clock, fairness=one) as here, hands(clock, fairness=other) as there:
        yield here, there


def beside_another(them: Hands, clock: Ticking) -> None:
    """Somebody else has one in hand."""
    them.send("b")
    wait_until(lambda: them.inside.get("b") == 1, "the other")
    clock.time += 0.01


def test_who_comes_alone_is_not_held_up() -> None:
    with hands(Ticking()) as them:
        them.send("a", 30)
        wait_until(lambda: them.inside.get("a") == 30, "all of them")


def test_a_crowd_waits_for_itself_where_others_come() -> None:
    clock = Ticking()
    with hands(clock) as them:
        beside_another(them, clock)
        them.send("a", 30)
        wait_until(lambda: them.waiting("a") == 30 - FEW, "as many as may")
        # ... and nobody waits for the crowd.
        them.send("c", FEW)
        wait_until(lambda: them.inside.get("c") == FEW, "a third")
        them.let_go("c")
        them.most.clear()
        them.let_go("a")
        wait_until(lambda: them.done("a") == 30, "the crowd, bit by bit")
        # One by one, until there are no more than a few.
        assert them.most["a"] <= FEW


def test_two_that_are_busy_do_not_slow_each_other_down() -> None:
    clock = Ticking()
    with hands(clock) as them:
        them.send("b", 20)
        wait_until(lambda: them.inside.get("b") == 20, "one")
        clock.time += 0.1
        them.send("a", 30)
        wait_until(lambda: them.inside.get("a") == 30, "the other")
        assert TIMES * 20 >= 30


def test_who_is_many_beside_a_flood_does_not_wait() -> None:
    clock = Ticking()
    with hands(clock) as them:
        beside_another(them, clock)
        them.send("a", 30)
        wait_until(lambda: them.waiting("a") == 30 - FEW, "the flood")
        clock.time += CROWD_S
        them.send("b", 20)
        wait_until(lambda: them.inside["b"] == 21, "those who are fewer")


def test_a_crowd_leaves_time_between_two() -> None:
    clock = Ticking()
    fairness = Fairness(now=clock)
    with hands(clock, fairness=fairness) as them:
        beside_another(them, clock)
        them.send("a", FEW + 4)
        wait_until(lambda: them.waiting("a") == 4, "the crowd")
        clock.time += CROWD_S  # so long the first ones were in hand
        them.one_goes("a")
        them.one_goes("a")
        wait_until(lambda: them.done("a") == FEW, "those who were inside")
        pause = fairness._lines["a"].opens_at - clock.time
        assert pause == pytest.approx(RESTS * CROWD_S)
        assert them.inside["a"] == 0
        clock.time += pause
        them.send("a")  # whoever comes looks at the line, as its first does when it is time
        them.let_go("a")
        wait_until(lambda: them.done("a") == FEW + 5, "all of them")


def test_nobody_waits_for_pauses_for_long() -> None:
    clock = Ticking()
    with hands(clock) as them:
        beside_another(them, clock)
        them.send("a", 30)
        wait_until(lambda: them.waiting("a") == 30 - FEW, "the crowd")
        clock.time += PRESSED_S
        them.one_goes("a")
        wait_until(lambda: them.inside["a"] == PRESSED, "several at once, and no pause")


def test_when_the_others_are_gone_the_crowd_goes_on() -> None:
    clock = Ticking()
    with hands(clock) as them:
        beside_another(them, clock)
        them.send("a", 30)
        wait_until(lambda: them.waiting("a") == 30 - FEW, "the crowd")
        clock.time += REMEMBERED_S + 0.1
        them.one_goes("a")
        wait_until(lambda: them.inside["a"] == 29, "all of them")
    with hands(clock) as them:
        them.send("a", 30)
        wait_until(lambda: them.inside.get("a") == 30, "all of them at once")


def test_the_first_of_a_line_looks_at_the_clock_itself() -> None:
    """Nobody comes and nobody leaves: it goes in when its pause is over."""
    fairness = Fairness()
    with hands(Ticking(), fairness=fairness) as them:
        them.let_go("b")
        them.send("b")
        wait_until(lambda: them.done("b") == 1, "the other")
        them.send("a", FEW + 1)
        wait_until(lambda: them.waiting("a") == 1, "the crowd")
        began = time.monotonic()
        wait_until(lambda: them.inside["a"] == FEW + 1, "the last one")
        assert time.monotonic() - began < PRESSED_S + 2


def test_nobody_waits_for_ever() -> None:
    clock = Ticking()
    with hands(clock, patience_s=0.05) as them:
        beside_another(them, clock)
        them.send("a", FEW + 2)
        wait_until(lambda: them.waiting("a") == 2, "those for whom there is no place")
        clock.time += 0.05
        wait_until(lambda: them.refused == 2, "their end")
        assert them.inside["a"] == FEW


def test_what_fails_gives_its_place_back() -> None:
    clock = Ticking()
    fairness = Fairness(now=clock)
    with fairness.place("b"):
        clock.time += 0.1
        for _ in range(10):
            with pytest.raises(ValueError, match="x"), fairness.place("a"):
                raise ValueError("x")
    clock.time += 10
    with fairness.place("c"):
        assert set(fairness._lines) == {"c"}  # who has gone is forgotten


def test_a_crowd_leaves_time_to_those_of_another_process() -> None:
    """They share the processors, though none of them ever meets the crowd."""
    clock = Ticking()
    with two_processes(clock) as (here, there):
        here.send("a", 30)
        wait_until(lambda: here.inside.get("a") == 30, "the flood, while nobody else comes")
        there.send("b", 2)
        wait_until(lambda: there.inside.get("b") == 2, "another's, elsewhere")
        here.send("a", 5)
        wait_until(lambda: here.waiting("a") == 5, "the flood, from then on")
        there.send("a")  # its own, elsewhere, are nobody else's
        there.let_go("b")
        wait_until(lambda: there.done("b") == 2, "the other, unhindered")
        clock.time += REMEMBERED_S + 0.1
        here.one_goes("a")
        wait_until(lambda: here.inside["a"] == 34, "all of it, when the other is gone")


def test_who_is_busy_elsewhere_may_be_as_many_here() -> None:
    clock = Ticking()
    with two_processes(clock) as (here, there):
        there.send("b", 20)
        wait_until(lambda: there.inside.get("b") == 20, "one")
        clock.time += 0.1
        here.send("a", 30)
        wait_until(lambda: here.inside.get("a") == 30, "the other")


def test_neighbours_are_told_what_others_have_said() -> None:
    memory = bytearray(SIZE)
    one, two, far = (Neighbours(memory, number) for number in (1, 2, 17_003))
    assert one.most(("a", "home"), since=0.0) is None
    two.tell(Came(("b", "home"), 5.0, 3), Came(("a", "home"), 4.0, 9))
    assert two.most(("b", "home"), since=0.0) is None  # what it said itself is no news
    assert one.most(("a", "home"), since=0.0) == 3
    assert one.most(("b", "home"), since=0.0) == 9
    assert one.most(("c", "home"), since=4.5) == 3
    assert one.most(("c", "home"), since=5.0) is None
    far.tell(Came(("d", "home"), 6.0, 0), Came(None, 0.0, 0))
    assert one.most(("c", "home"), since=5.0) == 0


def test_one_by_one_whoever_else_is_there() -> None:
    queue = OneByOne()
    with hands(Ticking(), fairness=queue) as them:
        them.send("a", 5)
        wait_until(lambda: them.inside.get("a") == 1, "one")
        them.send("b")
        wait_until(lambda: them.inside.get("b") == 1, "somebody else's")
        them.let_go("a")
        wait_until(lambda: them.done("a") == 5, "all of them")
        assert them.most["a"] == 1
    assert queue._queues == {}  # who has gone is forgotten
    queue = OneByOne(patience_s=0.01)
    with queue.place("a"), queue.place("a"):  # rather one too many than nobody
        pass


def test_who_waited_for_the_place_leaves_time_to_others() -> None:
    queue, began = OneByOne(), list[float]()
    first = threading.Event()

    def call() -> None:
        with queue.place("a"):
            began.append(time.monotonic())
            first.set()
            threading.Event().wait(0.05)

    threads = [threading.Thread(target=call)]
    threads[0].start()
    assert first.wait(10)
    threads.append(threading.Thread(target=call))
    threads[1].start()
    for thread in threads:
        thread.join(10)
    assert began[1] - began[0] >= 0.05 * (1 + RESTS)
