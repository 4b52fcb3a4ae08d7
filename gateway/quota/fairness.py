"""Where several workspaces deliver at once, the crowd of one waits for itself and not in the way.

Nobody is refused for it, and nobody is slowed down who comes alone: a place is all that a crowd
waits for, in its own line. While its line does not empty there is a pause between two of its
deliveries, in which others find the machine free; once its first has waited long enough there is
none. Each process sees to its own lines; that others come, it also knows of its neighbours.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.errors import Unavailable
from gateway.quota.neighbours import Came, Neighbours

FEW = 2
"""So many of one workspace's are there at once without being many, ..."""
TIMES = 2
"""... or so many times what the busiest of the others has there; of many one is in hand at a time,
or as many as the busiest of the others has in hand."""
REMEMBERED_S = 2.0
"""So long after its last delivery a workspace counts as one that comes."""
CROWD_S = 0.2
"""A line that has not been empty for so long is a crowd; what is shorter may have come together."""
RESTS = 2.0
"""A crowd pauses so many times as long as its last delivery took."""
PRESSED_S = 1.0
"""Whose first has waited for so long has waited long enough, ..."""
PRESSED = 4
"""... and gets so many places, without pauses: what is only much is not made late by it."""
PATIENCE_S = 3.0
_LONGEST_PAUSE_S = 0.25
_NOBODY = Came(None, -REMEMBERED_S, 0)


@dataclass(slots=True, eq=False)
class _Waiting:
    came: float
    inside: bool = False
    told: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class _Line:
    """Those of one workspace: in hand, and waiting without a gap since `since`."""

    in_hand: int = 0
    waiting: deque[_Waiting] = field(default_factory=deque)
    since: float = 0.0
    opens_at: float = 0.0

    @property
    def there(self) -> int:
        """How many are in hand or wait."""
        return self.in_hand + len(self.waiting)


class Fairness:
    """Gives places. Threads share it."""

    def __init__(
        self, *, patience_s: float = PATIENCE_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._now = now
        self._lock = threading.Lock()
        # Only those of whom something is in hand or waits: there may be thousands.
        self._lines: dict[Hashable, _Line] = {}
        # Who came last, and the last one before who is somebody else.
        self._last = self._before = _NOBODY
        self._neighbours: Neighbours | None = None

    def beside(self, neighbours: Neighbours) -> None:
        """Know who comes to others whom this machine serves, and tell them who comes to us."""
        self._neighbours = neighbours

    @contextmanager
    def place(self, who: Hashable) -> Iterator[None]:
        """Have a place while inside; raise Unavailable if none came in time."""
        began = self._enter(who)
        try:
            yield
        finally:
            self._leave(who, began)

    def _enter(self, who: Hashable) -> float:
        """Return when the place was had."""
        with self._lock:
            now = self._now()
            if who != self._last.who:
                self._before = self._last
            line = self._lines.get(who)
            if line is None:
                line = self._lines[who] = _Line()
            self._last = Came(who, now, line.there + 1)
            if self._neighbours is not None:
                self._neighbours.tell(self._last, self._before)
            if not line.waiting:
                if self._has_room(who, line, now):
                    line.in_hand += 1
                    return now
                line.since = now
            mine = _Waiting(now)
            line.waiting.append(mine)
        return self._wait(who, line, mine)

    def _wait(self, who: Hashable, line: _Line, mine: _Waiting) -> float:
        ends = mine.came + self._patience_s
        while True:
            with self._lock:
                now = self._now()
                if not mine.inside and line.waiting[0] is mine:  # the first looks after the line
                    self._tend(who, line, now)
                if mine.inside:
                    return now
                if now >= ends:
                    line.waiting.remove(mine)
                    self._tend(who, line, now)
                    raise Unavailable("too many of this workspace's deliveries wait already")
                mine.told.clear()
                until = ends
                if line.waiting[0] is mine:
                    moments = (line.opens_at, mine.came + PRESSED_S)
                    until = min([ends, *(moment for moment in moments if moment > now)])
            mine.told.wait(until - now)

    def _leave(self, who: Hashable, began: float) -> None:
        with self._lock:
            now = self._now()
            line = self._lines[who]
            line.in_hand -= 1
            if line.waiting and now - line.since >= CROWD_S:
                line.opens_at = now + RESTS * (now - began)
            self._tend(who, line, now)

    def _tend(self, who: Hashable, line: _Line, now: float) -> None:
        """Let in those of a line who may; whoever is first then looks after it."""
        self._let_in(who, line, now)
        if line.waiting:
            line.waiting[0].told.set()
        elif not line.in_hand:
            del self._lines[who]

    def _let_in(self, who: Hashable, line: _Line, now: float) -> None:
        while line.waiting and self._has_room(who, line, now):
            line.in_hand += 1
            one = line.waiting.popleft()
            one.inside = True
            one.told.set()

    def _has_room(self, who: Hashable, line: _Line, now: float) -> bool:
        there = line.in_hand + max(len(line.waiting), 1)
        if there <= FEW:  # then it does not matter who else comes
            return True
        others = self._others(who, now)
        if others is None:
            return True
        stands = bool(line.waiting) and now - line.since >= CROWD_S
        if there <= (others if stands else TIMES * others):
            return True
        if line.waiting and now - line.waiting[0].came >= PRESSED_S:
            return line.in_hand < PRESSED
        return now >= line.opens_at and not line.in_hand

    def _others(self, who: Hashable, now: float) -> int | None:
        """How many the busiest of the others has there; None if nobody else comes."""
        since = now - REMEMBERED_S
        there: list[int] = []
        last = self._before if who == self._last.who else self._last
        if last.at > since:
            there = [0, *(one.there for other, one in self._lines.items() if other != who)]
        if self._neighbours is not None and (most := self._neighbours.most(who, since)) is not None:
            there.append(most)
        return max(there, default=None)


class OneByOne:
    """Lets each in once at a time, whoever else is there; who had to wait leaves time to others.

    Threads share it.
    """

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._queues: dict[Hashable, _Queue] = {}

    @contextmanager
    def place(self, who: Hashable) -> Iterator[None]:
        """Have the place while inside; after a while go in without it."""
        with self._lock:
            queue = self._queues.setdefault(who, _Queue())
            queue.there += 1
            waits = queue.there > 1
        mine = queue.place.acquire(timeout=self._patience_s)
        try:
            if mine and waits:
                # Nobody sets it: waiting for it is waiting, in a way that lets others go on.
                threading.Event().wait(min(RESTS * queue.took_s, _LONGEST_PAUSE_S))
            began = time.monotonic()
            yield
            queue.took_s = time.monotonic() - began
        finally:
            if mine:
                queue.place.release()
            with self._lock:
                queue.there -= 1
                if not queue.there:
                    del self._queues[who]


@dataclass(slots=True)
class _Queue:
    place: threading.Lock = field(default_factory=threading.Lock)
    there: int = 0
    took_s: float = 0.0
