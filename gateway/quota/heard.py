"""What one process was told of the limit by the answers it got itself."""

from __future__ import annotations

import math
import threading
from typing import Literal

from gateway.clock import Clock

# With fewer calls left than this, whoever made the others, the rest is for words to customers.
RESERVE = 0.25

Who = Literal["everybody", "background"]


class Heard:
    """What this process itself was told: pauses, and the newest window of the channel."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pauses: dict[Who, float] = {"everybody": -math.inf, "background": -math.inf}
        self._told: dict[Who, float] = {}
        self._window = -math.inf
        self._ends_at = -math.inf
        self._remaining = 0
        self._reserve = 0.0

    def wait(self, *, background: bool) -> float:
        """Seconds until a call may be made; 0 if now."""
        with self._lock:
            return self._wait(background=background)

    def take(self, *, background: bool) -> float:
        """Count one call and return 0, or return the seconds until it may be made."""
        with self._lock:
            wait = self._wait(background=background)
            if wait <= 0:
                self._remaining -= 1
            return wait

    def learn(self, limit: int | None, remaining: int, window: float, ends_in_s: float) -> bool:
        """Take in what an answer told; False if a newer window is running by now."""
        now = self._clock.monotonic()
        with self._lock:
            if window < self._window and self._ends_at > now:
                return False
            if window != self._window:
                self._window, self._ends_at = window, now + ends_in_s
                self._remaining = remaining
                self._reserve = (limit or 0) * RESERVE
            else:
                # Several calls are under way: each answer knows only those that came before it.
                self._remaining = min(self._remaining, remaining)
        return True

    def first_to_tell(self, window: float, who: Who) -> bool:
        """True once for each window and whom it makes wait."""
        with self._lock:
            told, self._told[who] = self._told.get(who), window
            return told != window

    def pause(self, who: Who, seconds: float) -> None:
        """Remember a pause, if it is the longest."""
        ends_at = self._clock.monotonic() + seconds
        with self._lock:
            self._pauses[who] = max(self._pauses[who], ends_at)

    def _wait(self, *, background: bool) -> float:
        until = self._pauses["everybody"]
        if background:
            until = max(until, self._pauses["background"])
        if self._remaining <= (self._reserve if background else 0):
            until = max(until, self._ends_at)
        return max(until - self._clock.monotonic(), 0.0)
