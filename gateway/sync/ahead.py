"""What a look saw coming: so that a drain need not look once more to know how long it may wait."""

from __future__ import annotations

from collections.abc import Sequence

AHEAD_US = 2_000_000
"""How far ahead a look sees; longer than a drain waits in place for what is due soon."""


class Ahead:
    """What is due next, as of the last look. What is owed after that is told by who owes it."""

    def __init__(self) -> None:
        self._next_at: int | None = None

    def due_of(self, coming: Sequence[tuple[str, int]], now: int, limit: int) -> list[str]:
        """Those of `coming` (keys, and when they are due in µs, in order) that are due now.

        `limit` is how many were asked for at most: with so many due there may be more.
        """
        due = [key for key, due_at in coming if due_at <= now]
        if len(due) < len(coming):
            self._next_at = coming[len(due)][1]
        else:
            self._next_at = now if len(due) >= limit else None
        return due

    def within(self, seconds: float, now: int) -> bool:
        """True if something was seen that becomes due that soon."""
        return self._next_at is not None and self._next_at <= now + int(seconds * 1e6)
