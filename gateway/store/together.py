"""Those who come while a transaction runs share the next one: one commit for all of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.errors import Ours, Unavailable

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Seat(Generic[T, R]):
    work: T
    result: R | None = None
    error: Exception | None = None
    taken: bool = False
    done: bool = False


class Together(Generic[T, R]):
    """Does pieces of work in small groups: whoever comes first does it for all who wait.

    There is no thread behind it. A group is what has gathered since the last one began, in the
    order of arrival, so nobody waits for company: a piece that comes alone is done alone.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], *, most: int, patience_s: float
    ) -> None:
        self._work = work
        self._most = most
        self._patience_s = patience_s
        self._waiting: deque[_Seat[T, R]] = deque()
        self._leading = threading.Lock()

    def do(self, piece: T) -> R:
        """Do one piece and return its result; what the group's work raises, everybody gets.

        Raises Unavailable, and withdraws the piece, if nobody took it in `patience_s`.
        """
        seat: _Seat[T, R] = _Seat(piece)
        self._waiting.append(seat)
        if not self._leading.acquire(timeout=self._patience_s):
            if self._withdraw(seat):
                raise Unavailable("the database is busy: others did not finish in time")
            self._leading.acquire()  # it is being done just now
        try:
            while not seat.done:
                self._lead()
        finally:
            self._leading.release()
        if seat.error is not None:
            raise seat.error
        if seat.result is None:
            raise Ours("a piece of work came to nothing")
        return seat.result

    def _withdraw(self, seat: _Seat[T, R]) -> bool:
        if seat.taken or seat.done:
            return False
        try:
            self._waiting.remove(seat)
        except ValueError:  # taken in this very moment
            return False
        return True

    def _lead(self) -> None:
        # Requests that have been received already come along: where threads take turns by
        # themselves (gevent), this lets the others reach their place in the queue.
        time.sleep(0)
        group: list[_Seat[T, R]] = []
        while self._waiting and len(group) < self._most:
            seat = self._waiting.popleft()
            seat.taken = True
            group.append(seat)
            seat.error = Unavailable("whoever did it was interrupted")
        try:
            results = self._work([seat.work for seat in group])
            for seat, result in zip(group, results, strict=True):
                seat.result, seat.error = result, None
        except Exception as error:
            for seat in group:
                seat.error = error
        finally:
            for seat in group:
                seat.done = True
