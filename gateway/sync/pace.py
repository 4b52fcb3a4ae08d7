"""Pace: what nobody waits for is done evenly, and leaves the machine to what somebody waits for."""

from __future__ import annotations

import threading

from gateway.clock import Clock


class Pace:
    """At most so many in a second, the first second's at once. Safe between threads."""

    def __init__(self, clock: Clock, per_second: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._left = float(per_second)
        self._at = clock.monotonic()
        self._lock = threading.Lock()

    def room(self) -> int:
        """How many may be begun now."""
        with self._lock:
            now = self._clock.monotonic()
            earned = (now - self._at) * self._per_second
            self._left = min(self._left + earned, float(self._per_second))
            self._at = now
            return max(int(self._left), 0)

    def begin(self) -> None:
        """Count one that begins."""
        with self._lock:
            self._left -= 1
