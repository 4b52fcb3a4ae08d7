"""Who is there: what operators' pages say of them, in Redis, for a minute and a half at a time.

Nothing waits for it: while Redis is away, presence is unknown, and unknown counts as not there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import redis
import structlog

from gateway.clock import Clock, to_micros

log = structlog.get_logger(__name__)

State = Literal["online", "away", "offline"]
"""What somebody may say of themselves."""
Presence = Literal["online", "away", "offline", "unknown"]

STATES: tuple[State, ...] = get_args(State)
LASTS_S = 90.0
"""How long a word of presence holds; pages repeat theirs every 30 s."""

_KEY = "presence"
_SINCE = "presence:since"
"""When Redis was first asked for presence since it was last emptied (µs)."""
_KEPT_MS = 24 * 3_600_000
_LEFT_ALONE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everybody's presence at one moment. `known` is False where Redis did not answer.

    `sure` is False while nobody's absence means anything: Redis has just been emptied, so that not
    everybody has said again that they are there; or it has only just gone.
    """

    states: Mapping[str, State] = field(default_factory=dict)
    known: bool = True
    sure: bool = True

    def of(self, operator_id: str) -> Presence:
        """One operator's presence."""
        return self.states.get(operator_id, "offline") if self.known else "unknown"


class Presences:
    """Keeps presence in one hash of Redis: operator → state and until when (µs). Safe to share.

    Its own client gives Redis 50 ms; after trouble it is left alone for a second.
    """

    def __init__(self, connection: redis.Redis | None, clock: Clock) -> None:
        self._redis = connection
        self._clock = clock
        self._away_until = -math.inf
        self._away_since: float | None = None

    def say(self, operator_id: str, state: State) -> int | None:
        """Keep a word of presence; return until when it holds (µs), None if it was not kept."""
        if self._redis is None or self._is_away():
            return None
        until = to_micros(self._clock.now()) + int(LASTS_S * 1e6)
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                if state == "offline":
                    pipeline.hdel(_KEY, operator_id)
                else:
                    pipeline.hset(_KEY, operator_id, f"{state}:{until}")
                    pipeline.pexpire(_KEY, _KEPT_MS)
                pipeline.execute()
        except redis.RedisError as error:
            self._went_away(error)
            return None
        return until

    def read(self) -> Seen:
        """Everybody's presence, in one round trip. Call it with no transaction open."""
        if self._redis is None:
            return Seen(known=False)
        if self._is_away():
            return self._unknown()
        now = to_micros(self._clock.now())
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hgetall(_KEY)
                pipeline.set(_SINCE, now, nx=True)
                pipeline.get(_SINCE)
                kept, _, since = pipeline.execute()
        except redis.RedisError as error:
            self._went_away(error)
            return self._unknown()
        self._away_since = None
        states: dict[str, State] = {}
        for operator_id, word in kept.items():
            said, _, until = word.decode("ascii", "replace").partition(":")
            for state in STATES:
                if said == state and until.isdigit() and int(until) > now:
                    states[operator_id.decode("ascii", "replace")] = state
        known_for = now - int(since) if since is not None and since.isdigit() else 0
        return Seen(states=states, sure=known_for >= int(LASTS_S * 1e6))

    def _is_away(self) -> bool:
        return self._clock.monotonic() < self._away_until

    def _unknown(self) -> Seen:
        since = self._away_since
        return Seen(known=False, sure=since is None or self._clock.monotonic() - since >= LASTS_S)

    def _went_away(self, error: redis.RedisError) -> None:
        now = self._clock.monotonic()
        self._away_until = now + _LEFT_ALONE_S
        if self._away_since is None:
            self._away_since = now
            log.warning("presence_unknown", error=type(error).__name__)
