"""Intercom's rate limit: what the headers of its answers say of the running window.

The limit per minute is cut into windows of 10 seconds, and every answer to an authenticated call
names its window's end and what remains (X-RateLimit-*).
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping

from gateway.quota import Quota

# After a 429 that names no window: as long as a window lasts.
DEFAULT_PAUSE_S = 10.0
# A window's end further away than this is somebody's wrong clock.
LONGEST_PAUSE_S = 60.0


def hear(quota: Quota, headers: Mapping[str, str], *, refused: bool) -> None:
    """Tell the quota what an answer's headers say; `refused` is a 429."""
    limit = _number(headers.get("x-ratelimit-limit"))
    remaining = _number(headers.get("x-ratelimit-remaining"))
    reset = _number(headers.get("x-ratelimit-reset"))
    if remaining is not None and reset is not None:
        quota.learn(
            limit=int(limit) if limit is not None and limit >= 1 else None,
            remaining=int(remaining),
            window=reset,
            ends_in_s=pause_until(reset, headers),
        )
    # A 429 with room left is about another limit than the window's.
    if refused and not remaining:
        quota.pause(pause_after(headers))


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
