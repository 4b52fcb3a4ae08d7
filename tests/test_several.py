"""Several kinds of work in one drain: each has threads of its own, and its keys are its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gateway.clock import SystemClock
from gateway.sync.drain import Drain
from gateway.sync.several import Several


class Pile:
    """So many pieces; each waits until it may end."""

    def __init__(self, kind: str, pieces: int, threads: int) -> None:
        self.kind = kind
        self.threads = threads
        self.left = [f"{kind}-{number}" for number in range(pieces)]
        self.done: list[str] = []
        self.given_back: list[str] = []
        self.most = 0
        self.free = threading.Event()
        self.begun = threading.Event()
        self._running = 0
        self._lock = threading.Lock()

    def due(self, limit: int) -> Sequence[str]:
        with self._lock:
            return self.left[:limit]

    def due_within(self, seconds: float) -> bool:
        return False

    def do(self, key: str) -> None:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        self.begun.set()
        self.free.wait(20)
        with self._lock:
            self._running -= 1
            self.left.remove(key)
            self.done.append(key)

    def abandon(self, keys: Sequence[str]) -> None:
        self.given_back += keys


def test_what_is_slow_keeps_nobody_waiting() -> None:
    slow, quick = Pile("slow", 5, 2), Pile("quick", 9, 3)
    quick.free.set()
    several = Several("both", [slow, quick])
    assert several.threads == 5
    stopping = threading.Event()
    drain = threading.Thread(target=Drain(several, SystemClock(), stopping).run)
    drain.start()
    assert slow.begun.wait(20)
    while len(quick.done) < 9:
        quick.begun.wait(0.01)
    assert slow.done == []
    slow.free.set()
    drain.join(20)
    assert not drain.is_alive()
    assert sorted(slow.done) == [f"slow-{number}" for number in range(5)]
    assert (slow.most, sorted(quick.done)) == (2, [f"quick-{number}" for number in range(9)])
    assert quick.most <= 3


def test_everybody_gets_their_own_back() -> None:
    one, other = Pile("one", 1, 1), Pile("other", 1, 1)
    several = Several("both", [one, other])
    keys = several.due(2)
    several.abandon(keys)
    assert (one.given_back, other.given_back) == (["one-0"], ["other-0"])
    assert several.due_within(2.0) is False
