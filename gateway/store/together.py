"""Those who come while a transaction runs share the next one: one commit for all of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.errors import Ours, Unavailable

_A_TURN_S = 1e-6

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Seat(Generic[T, R]):
    """One who waits: woken when the piece is done, or to do it and those behind it."""

    work: T
    since: float
    woken: threading.Event = field(default_factory=threading.Event)
    taken: bool = False
    done: bool = False
    result: R | None = None
    error: Exception | None = None


class Together(Generic[T, R]):
    """Does pieces of work in small groups: whoever comes first does it for all who wait.

    There is no thread behind it. A group is what has gathered since the last one began, in the
    order of arrival, so nobody waits for company: a piece that comes alone is done alone.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        *,
        most: int,
        patience_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work = work
        self._now = now
        self._most = most
        self._patience_s = patience_s
        self._waiting: deque[_Seat[T, R]] = deque()
        self._lock = threading.Lock()
        self._busy = False

    def do(self, piece: T) -> R:
        """Do one piece and return its result; what the group's work raises, everybody gets.

        Raises Unavailable, and withdraws the piece, if nobody took it in `patience_s`; or sooner if
        the work found that out for others.
        """
        seat: _Seat[T, R] = _Seat(piece, self._now())
        with self._lock:
            self._waiting.append(seat)
            mine, self._busy = not self._busy, True
        if not mine and not seat.woken.wait(self._patience_s):
            with self._lock:
                if not seat.taken and not seat.woken.is_set():
                    self._waiting.remove(seat)
                    raise Unavailable("the database is busy: others did not finish in time")
            seat.woken.wait()  # it is being done just now
        if not seat.done:
            self._lead(seat)
        if seat.error is not None:
            raise seat.error
        if seat.result is None:
            raise Ours("a piece of work came to nothing")
        return seat.result

    def _lead(self, seat: _Seat[T, R]) -> None:
        """Do what waits, ours first, and leave the rest to the next in the queue."""
        group: list[_Seat[T, R]] = []
        try:
            group = self._gather()
            results = self._work([one.work for one in group])
            for one, result in zip(group, results, strict=True):
                one.result, one.error = result, None
        except Exception as error:
            for one in group:
                one.error = error
            if isinstance(error, Unavailable):
                group += self._tired()
        finally:
            with self._lock:
                if not seat.taken:  # interrupted while it was gathering
                    self._waiting.remove(seat)
                for one in group:
                    one.done = True
                    one.woken.set()
                self._busy = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].woken.set()

    def _tired(self) -> list[_Seat[T, R]]:
        """Those who have waited too long to see whether the next group fares better."""
        waited = self._now() - self._patience_s / 3
        with self._lock:
            tired = [seat for seat in self._waiting if seat.since < waited]
            for seat in tired:
                self._waiting.remove(seat)
                seat.taken = True
                seat.error = Unavailable("the database is busy: those before waited in vain")
        return tired

    def _gather(self) -> list[_Seat[T, R]]:
        # Where threads take turns by themselves (gevent) and the work never waits (SQLite), this
        # lets those whose requests have arrived come along, for as long as there are any.
        known = 0
        while known < len(self._waiting) < self._most:
            known = len(self._waiting)
            time.sleep(_A_TURN_S)
        group: list[_Seat[T, R]] = []
        with self._lock:
            while self._waiting and len(group) < self._most:
                seat = self._waiting.popleft()
                seat.taken = True
                seat.error = Unavailable("whoever did it was interrupted")
                group.append(seat)
        return group
