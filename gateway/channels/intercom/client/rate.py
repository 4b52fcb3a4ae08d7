"""Intercom's rate limit: how much of the running window is left, as its last answers told.

The limit per minute is cut into windows of 10 seconds, and every answer to an authenticated call
names its window's end and what remains (X-RateLimit-*).
"""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Mapping

from gateway.errors import Again

# After a 429 that names no window: as long as a window lasts.
DEFAULT_PAUSE_S = 10.0
# A window's end further away than this is somebody's wrong clock.
LONGEST_PAUSE_S = 60.0


class RateWindow:
    """The newest window heard of. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reset = 0.0  # the window's name: its end by Intercom's clock
        self._ends_at = 0.0  # its end by our monotonic clock
        self._remaining = 0

    def admit(self) -> None:
        """Count one call that is about to be made; raise Again if the window has no room."""
        with self._lock:
            pause = self._ends_at - time.monotonic()
            if pause <= 0:
                return
            if self._remaining <= 0:
                raise Again("Intercom's rate limit is used up", after_s=pause)
            self._remaining -= 1

    def hear(self, headers: Mapping[str, str], *, refused: bool) -> None:
        """Take in an answer's headers; `refused` is a 429."""
        reset = _number(headers.get("x-ratelimit-reset"))
        remaining = _number(headers.get("x-ratelimit-remaining"))
        if reset is None:
            return
        # A 429 with room left is about another limit than the window's.
        left = 0 if refused and remaining is None else remaining
        with self._lock:
            running = self._ends_at > time.monotonic()
            if left is None or (running and reset < self._reset):
                return
            if reset != self._reset:
                self._reset = reset
                self._ends_at = time.monotonic() + pause_until(reset, headers)
                self._remaining = int(left)
            else:
                # Several calls are under way: each answer knows only those that came before it.
                self._remaining = min(self._remaining, int(left))


def pause_until(reset: float, headers: Mapping[str, str]) -> float:
    """Seconds from this answer to `reset`, by the clock that wrote both, within reason."""
    told = sent_at(headers)
    now = time.time() if told is None else told
    return min(max(reset - now, 0.0), LONGEST_PAUSE_S)


def pause_after(headers: Mapping[str, str]) -> float:
    """Seconds that a 429 asks us to wait."""
    wished = _number(headers.get("retry-after"))
    if wished is not None:
        return min(max(wished, 0.0), LONGEST_PAUSE_S)
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is None:
        return DEFAULT_PAUSE_S
    # The Date header has whole seconds: never come back in the second in which it ends.
    return max(pause_until(reset, headers), 1.0)


def sent_at(headers: Mapping[str, str]) -> float | None:
    """An answer's Date as Unix seconds."""
    try:
        return email.utils.parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < 1e12 else None
