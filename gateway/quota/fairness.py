"""Where several workspaces deliver at once, the crowd of one waits for itself and not in the way.

Nobody is refused for it, and nobody is slowed down who comes alone: a place is all that a crowd
waits for, in its own line. Each process sees to it by itself.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.errors import Unavailable

LEAST = 4
"""So many of one workspace's are in hand at once, however few the others send."""
TIMES = 2
"""... and otherwise so many times what the busiest of the others has at once."""
REMEMBERED_S = 1.0
"""So long after its last delivery a workspace counts as one that comes."""
PATIENCE_S = 3.0
_LOOK_S = 0.05


@dataclass(slots=True)
class _Line:
    """Those of one workspace: in hand, and waiting. `most` had been there at once by `until`."""

    in_hand: int = 0
    waiting: deque[threading.Event] = field(default_factory=deque)
    most: int = 0
    until: float = 0.0


class Fairness:
    """Gives places. Threads share it."""

    def __init__(
        self, *, patience_s: float = PATIENCE_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._now = now
        self._lock = threading.Lock()
        self._lines: dict[Hashable, _Line] = {}
        # The busiest and what it had at once, and what the next one had: looked at now and then,
        # for there may be thousands.
        self._busiest: tuple[Hashable, int, int] = (None, 0, 0)
        self._looked = -_LOOK_S

    @contextmanager
    def place(self, who: Hashable) -> Iterator[None]:
        """Have a place while inside; raise Unavailable if none came in time."""
        self._enter(who)
        try:
            yield
        finally:
            self._leave(who)

    def _enter(self, who: Hashable) -> None:
        with self._lock:
            now = self._now()
            line = self._lines.get(who)
            if line is None:
                line = self._lines[who] = _Line()
            here = line.in_hand + len(line.waiting) + 1
            line.most = max(here, line.most) if now < line.until else here
            line.until = now + REMEMBERED_S
            if not line.waiting and line.in_hand < self._room(who, now):
                line.in_hand += 1
                return
            mine = threading.Event()
            line.waiting.append(mine)
        if mine.wait(self._patience_s):
            return
        with self._lock:
            if mine.is_set():  # at the last moment
                return
            line.waiting.remove(mine)
        raise Unavailable("too many of this workspace's deliveries wait already")

    def _leave(self, who: Hashable) -> None:
        with self._lock:
            line = self._lines[who]
            line.in_hand -= 1
            if line.waiting:
                room = self._room(who, self._now())
                while line.waiting and line.in_hand < room:
                    line.in_hand += 1
                    line.waiting.popleft().set()

    def _room(self, who: Hashable, now: float) -> float:
        if now - self._looked >= _LOOK_S:
            self._look(now)
        busiest, most, next_most = self._busiest
        others = next_most if who == busiest else most
        return max(LEAST, TIMES * others) if others else float("inf")

    def _look(self, now: float) -> None:
        self._looked = now
        gone = [
            who
            for who, line in self._lines.items()
            if line.until <= now and not line.in_hand and not line.waiting
        ]
        for who in gone:
            del self._lines[who]
        busiest: Hashable = None
        most = next_most = 0
        for who, line in self._lines.items():
            if line.most > most:
                busiest, most, next_most = who, line.most, most
            elif line.most > next_most:
                next_most = line.most
        self._busiest = (busiest, most, next_most)
