"""How often somebody may call us: counted in Redis for all web processes, never a reason to fail.

Callers with a token that holds have a rate of their own. Calls without one are bounded by address:
whoever guesses tokens is sent away unheard after a while, and nobody else is.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

import redis
import structlog
from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from gateway.clock import Clock, SystemClock
from gateway.quota.aside import Aside, Found

log = structlog.get_logger(__name__)

WINDOW_S = 10
FAILURES = 30
FAILURES_WINDOW_S = 60
"""So many calls without a token that holds may one address make in so many seconds."""

_TOKEN_KNOWN_S = 3_600
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a caller stands: `remaining` of `limit` calls, all of them again in `reset_s` seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: float


class Callers:
    """Counts calls. Safe to share between threads; without Redis, or while it is away, all may.

    Its time is real time, since that is what `limits` counts by.
    """

    def __init__(
        self,
        connection: redis.Redis | None,
        *,
        per_second: int,
        burst: int,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; nothing is connected. Every call waits for `connection`: let it be impatient.

        A caller who makes no more than `per_second` calls in each second of a clock is never
        refused: any second of another clock's holds at most twice as many, and any ten seconds
        eleven times as many. `burst` is what may come within a second, `per_second` what is allowed
        for long.
        """
        self._redis = connection
        self._clock = clock or SystemClock()
        burst = max(burst, 2 * per_second)
        self._burst = RateLimitItemPerSecond(burst, 1)
        self._steady = RateLimitItemPerSecond(per_second * WINDOW_S + burst, WINDOW_S)
        self._failures = RateLimitItemPerSecond(FAILURES, FAILURES_WINDOW_S)
        self._limiter: MovingWindowRateLimiter | None = None
        if connection is not None:
            # The address is not used, the pool is.
            storage = RedisStorage(
                "redis://", connection_pool=connection.connection_pool, key_prefix="calls"
            )
            self._limiter = MovingWindowRateLimiter(storage)
        self._lock = threading.Lock()
        self._aside = Aside(self._clock, went=self._went, is_back=self._is_back)
        self._shut_out: dict[str, float] = {}
        self._known: dict[str, float] = {}

    def count(self, who: str) -> Standing | None:
        """Count one call of a token; None if it cannot be counted, and so is allowed."""
        return self._in_redis(lambda limiter: self._counted(limiter, who))

    def failed(self, address: str | None) -> float:
        """Count one call without a token that holds; seconds to be sent away for, 0 for none."""
        name = network_of(address)

        def count(limiter: MovingWindowRateLimiter) -> float:
            if limiter.hit(self._failures, "failed", name):
                return 0.0
            return self._reset(limiter, self._failures, "failed", name)

        wait = self._in_redis(count) or 0.0
        if wait > 0:
            with self._lock:
                if len(self._shut_out) >= _MOST_KNOWN:
                    self._shut_out.clear()  # the next call from each is counted, and refused
                self._shut_out[name] = self._clock.monotonic() + wait
        return wait

    def shut_out(self, address: str | None, token: str) -> float:
        """Seconds for which calls from here are refused unheard; 0 for none, or for this token.

        `token` is a digest. One that held within the last hour is heard: those who guess must not
        lock out whoever shares their address, or the proxy in front.
        """
        name = network_of(address)
        with self._lock:
            until = self._shut_out.get(name)
            if until is None:
                return 0.0
            left = until - self._clock.monotonic()
            if left <= 0:
                del self._shut_out[name]
                return 0.0
            if self._known.get(token, -math.inf) > self._clock.monotonic():
                return 0.0
        held = self._in_redis(lambda _: bool(self._redis and self._redis.exists(_held(token))))
        return 0.0 if held else left

    def holds(self, token: str) -> None:
        """Remember that the token with this digest holds."""
        now = self._clock.monotonic()
        with self._lock:
            if self._known.get(token, -math.inf) > now + _TOKEN_KNOWN_S / 2:
                return
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[token] = now + _TOKEN_KNOWN_S
        self._in_redis(
            lambda _: self._redis and self._redis.set(_held(token), 1, ex=_TOKEN_KNOWN_S)
        )

    def _counted(self, limiter: MovingWindowRateLimiter, who: str) -> Standing:
        if not limiter.hit(self._burst, "burst", who):
            wait = self._reset(limiter, self._burst, "burst", who)
            return Standing(allowed=False, limit=self._burst.amount, remaining=0, reset_s=wait)
        allowed = limiter.hit(self._steady, "steady", who)
        reset_at, remaining = limiter.get_window_stats(self._steady, "steady", who)
        return Standing(
            allowed=allowed,
            limit=self._steady.amount,
            remaining=max(remaining, 0),
            reset_s=self._bounded(reset_at, self._steady),
        )

    def _reset(
        self, limiter: MovingWindowRateLimiter, rate: RateLimitItemPerSecond, *names: str
    ) -> float:
        return self._bounded(limiter.get_window_stats(rate, *names)[0], rate)

    def _bounded(self, reset_at: float, rate: RateLimitItemPerSecond) -> float:
        """Seconds until then; machines' clocks may differ from one another."""
        wait = reset_at - self._clock.now().timestamp()
        return min(max(wait, 0.05), float(rate.get_expiry()))

    def _in_redis(self, ask: Callable[[MovingWindowRateLimiter], Found]) -> Found | None:
        """Return what `ask` finds; None while Redis is away."""
        limiter = self._limiter
        return None if limiter is None else self._aside.ask(lambda: ask(limiter))

    def _went(self, error: str) -> None:
        log.warning("calls_uncounted", error=error)

    def _is_back(self) -> None:
        log.info("calls_counted")


def _held(token: str) -> str:
    return f"calls:held:{token[:32]}"


def network_of(address: str | None) -> str:
    """What is counted for an address: with IPv6 one customer has a whole /64."""
    if address is None:
        return "local"
    known = ip_address(address)
    if isinstance(known, IPv6Address):
        return known.exploded[:19]
    return str(known)
