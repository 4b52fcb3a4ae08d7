"""What all processes have in common: the calls of the last seconds, and what one tells all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import redis
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from gateway.clock import Clock
from gateway.quota.heard import Who

# Some of it stays unused: the channel counts what others do in our name, too.
TOTAL_SHARE = 0.95
BACKGROUND_SHARE = 0.60
SOONEST_S = 0.05

# A call arrives later than it was admitted. Counting this much longer than the channel's window
# makes what arrives in one of its windows no more than what was admitted in one of ours.
_UNDER_WAY_S = 1
_LIMIT_KEPT_MS = 3_600_000
# For each call that is made: a pipeline of the three takes redis-py twice as long.
_NOTICES = """
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[2]), redis.call('PTTL', KEYS[3])}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """What some process has told all others."""

    calls: int | None
    everybody_s: float
    background_s: float


class Shared:
    """The budget in Redis. Raises RedisError; every key expires."""

    def __init__(self, connection: redis.Redis, name: str, window_s: int, clock: Clock) -> None:
        self._redis = connection
        # The address is not used, the pool is.
        storage = RedisStorage(
            "redis://", connection_pool=connection.connection_pool, key_prefix="quota"
        )
        self.ledger = Ledger(storage, name, window_s, clock)
        self._notices: Any = connection.register_script(_NOTICES)
        self._limit = f"quota:{name}:limit"
        self._pauses: dict[Who, str] = {
            "everybody": f"quota:{name}:pause",
            "background": f"quota:{name}:pause:background",
        }

    def notices(self) -> Notices:
        """Read everything in one go."""
        keys = [self._limit, self._pauses["everybody"], self._pauses["background"]]
        limit, everybody, background = self._notices(keys=keys)
        return Notices(
            calls=int(limit) if limit is not None and limit.isdigit() else None,
            everybody_s=max(everybody, 0) / 1000,
            background_s=max(background, 0) / 1000,
        )

    def tell_limit(self, calls: int) -> None:
        """Tell everybody the limit."""
        self._redis.set(self._limit, calls, px=_LIMIT_KEPT_MS)

    def pause(self, who: Who, seconds: float) -> None:
        """Tell everybody to wait, unless they wait longer already."""
        key, milliseconds = self._pauses[who], math.ceil(seconds * 1000)
        if self._redis.pttl(key) < milliseconds:
            self._redis.set(key, 1, px=milliseconds)


class _Share(RateLimitItemPerSecond):
    """A part of the budget, under a name without its size, which the library would put in.

    So the calls that were counted stay counted when another limit is learned.
    """

    def key_for(self, *identifiers: bytes | str | int | float) -> str:
        return ":".join(str(identifier) for identifier in identifiers)


class Ledger:
    """The calls of the last seconds.

    A moving window, because the channel's windows are not ours: in whichever way ours are cut, it
    holds. The library's cheaper sliding counter lets nearly two windows' worth through.
    """

    def __init__(
        self, storage: RedisStorage | MemoryStorage, name: str, window_s: int, clock: Clock
    ) -> None:
        self._limiter = MovingWindowRateLimiter(storage)
        self._name = name
        self._seconds = window_s + _UNDER_WAY_S
        self._clock = clock

    def count(self, limit: int, *, background: bool) -> float:
        """Count one call and return 0, or return the seconds until it may have room."""
        everybody = self._share(limit * TOTAL_SHARE)
        if background:
            # Looked at first, so that nobody is charged for a call that is not made.
            if not self._limiter.test(everybody, self._name, "everybody"):
                return self._wait(everybody, "everybody")
            share = self._share(limit * BACKGROUND_SHARE)
            if not self._limiter.hit(share, self._name, "background"):
                return self._wait(share, "background")
        if not self._limiter.hit(everybody, self._name, "everybody"):
            return self._wait(everybody, "everybody")
        return 0.0

    def left(self, limit: int) -> int:
        """How many calls have room just now."""
        share = self._share(limit * TOTAL_SHARE)
        return self._limiter.get_window_stats(share, self._name, "everybody").remaining

    def _share(self, calls: float) -> _Share:
        return _Share(max(int(calls), 1), self._seconds)

    def _wait(self, share: _Share, who: Who) -> float:
        reset_at, _ = self._limiter.get_window_stats(share, self._name, who)
        wait = reset_at - self._clock.now().timestamp()
        if wait > 2 * self._seconds:
            # This machine's clock was set back: what was counted would count until it catches up.
            self._limiter.clear(share, self._name, who)
        return min(max(wait, SOONEST_S), self._seconds)
