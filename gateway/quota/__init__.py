"""How many calls to a channel's workspace may be made: one budget for every process, kept in Redis.

The channel tells what it hears (`learn`, `pause`); whoever is about to call asks (`admit`). Part of
the budget is closed to background calls, so that words to customers never wait behind them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

import redis
import structlog
from limits.storage import MemoryStorage

from gateway.clock import Clock, SystemClock
from gateway.errors import Again
from gateway.quota.aside import Aside, Found
from gateway.quota.heard import RESERVE, Heard, Who
from gateway.quota.shared import SOONEST_S, Ledger, Shared

__all__ = ["Allowance", "Headroom", "Quota"]

log = structlog.get_logger(__name__)

_LIMIT_TOLD_ANEW_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """So many calls in each window of so many seconds."""

    calls: int
    window_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What is left of a budget: `left` of `calls` in `window_s`, all pausing for `paused_s`."""

    calls: int
    left: int
    window_s: int
    paused_s: float


class Quota:
    """The budget of one channel's workspace. Safe to share between threads; never sleeps.

    Without Redis, or while it is away, the same is counted in this process alone. Its time is real
    time, since that is what `limits` counts by.
    """

    def __init__(
        self,
        connection: redis.Redis | None,
        name: str,
        *,
        allowance: Allowance,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; nothing is connected. `allowance` holds until another limit is learned.

        Every call waits for `connection`, so it should be impatient.
        """
        self._clock = clock or SystemClock()
        self._name = name
        self._window_s = allowance.window_s
        self._calls = allowance.calls
        self._told_anew_at = -math.inf
        self._heard = Heard(self._clock)
        self._shared = (
            Shared(connection, name, allowance.window_s, self._clock) if connection else None
        )
        self._aside = Aside(self._clock, went=self._went, is_back=self._is_back)
        self._lock = threading.Lock()
        self._alone: Ledger | None = None

    def admit(self, *, background: bool) -> None:
        """Count one call that is about to be made; raise Again, with `after_s`, if it has no room.

        `background` is everything that no customer waits for.
        """
        wait = (
            self._heard.wait(background=background)
            or self._count(background=background)
            or self._heard.take(background=background)
        )
        if wait > 0:
            kind = "background calls" if background else "calls"
            raise Again(
                f"the rate limit leaves no room for {kind} just now",
                after_s=max(wait, SOONEST_S),
            )

    def headroom(self) -> Headroom | None:
        """What all processes have left just now; None while nobody knows (without Redis)."""
        return self._in_redis(self._left)

    def learn(self, *, limit: int | None, remaining: int, window: float, ends_in_s: float) -> None:
        """Take in what an answer told of the channel's window.

        `window` names it, later ones by larger numbers; `limit` is None where it was not told.
        """
        if limit is not None:
            self._learn_limit(limit)
        if not self._heard.learn(limit, remaining, window, ends_in_s):
            return
        if remaining <= 0:
            who: Who = "everybody"
        elif limit is not None and remaining <= limit * RESERVE:
            who = "background"
        else:
            return
        if self._heard.first_to_tell(window, who):
            self._pause(who, ends_in_s)

    def pause(self, seconds: float) -> None:
        """Let nobody call for this long: the channel asks for it."""
        self._pause("everybody", seconds)

    def _pause(self, who: Who, seconds: float) -> None:
        if seconds <= 0:
            return
        if who == "everybody":
            log.info("quota_paused", channel=self._name, seconds=round(seconds, 1))
        self._heard.pause(who, seconds)
        self._in_redis(lambda shared: shared.pause(who, seconds))

    def _left(self, shared: Shared) -> Headroom:
        notices = shared.notices()
        calls = notices.calls or self._calls
        return Headroom(
            calls=calls,
            left=shared.ledger.left(calls),
            window_s=self._window_s,
            paused_s=notices.everybody_s,
        )

    def _learn_limit(self, limit: int) -> None:
        now = self._clock.monotonic()
        if limit == self._calls and now < self._told_anew_at + _LIMIT_TOLD_ANEW_S:
            return
        self._calls, self._told_anew_at = limit, now
        self._in_redis(lambda shared: shared.tell_limit(limit))

    def _count(self, *, background: bool) -> float:
        wait = self._in_redis(lambda shared: self._count_shared(shared, background=background))
        if wait is None:
            wait = self._count_alone(background=background)
        return wait

    def _count_shared(self, shared: Shared, *, background: bool) -> float:
        notices = shared.notices()
        if notices.calls is None:
            # Redis was emptied: the next answer tells the limit anew.
            self._told_anew_at = -math.inf
        else:
            self._calls = notices.calls
        pause_s = notices.everybody_s
        if background:
            pause_s = max(pause_s, notices.background_s)
        return pause_s or shared.ledger.count(self._calls, background=background)

    def _count_alone(self, *, background: bool) -> float:
        with self._lock:
            if self._alone is None:
                # Only now, because it starts a thread.
                self._alone = Ledger(MemoryStorage(), self._name, self._window_s, self._clock)
        return self._alone.count(self._calls, background=background)

    def _in_redis(self, ask: Callable[[Shared], Found]) -> Found | None:
        """Return what `ask` finds; None while Redis is away."""
        shared = self._shared
        return None if shared is None else self._aside.ask(lambda: ask(shared))

    def _went(self, error: str) -> None:
        log.warning("quota_alone", channel=self._name, error=error)

    def _is_back(self) -> None:
        log.info("quota_shared", channel=self._name)
