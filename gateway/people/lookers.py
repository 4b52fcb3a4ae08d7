"""Who looks at a session just now: what open pages say, in Redis, for less than a minute at a time.

Nothing waits for it: while Redis is away nobody is seen to look, and pages still show who types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import redis
import structlog

from gateway.clock import Clock, to_micros

log = structlog.get_logger(__name__)

LASTS_S = 40.0
"""How long it holds that somebody looks; pages say it again every 15 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """An operator with a session open in front of them."""

    id: str
    name: str


class Lookers:
    """Keeps lookers in one hash of Redis for each session. Safe to share."""

    def __init__(self, connection: redis.Redis | None, clock: Clock) -> None:
        """Its own client gives Redis 50 ms."""
        self._redis = connection
        self._clock = clock

    def say(self, session_id: str, me: Looker, *, on: bool) -> Sequence[Looker]:
        """Keep that somebody looks, or no longer does; return who else does, by name."""
        if self._redis is None:
            return ()
        now = to_micros(self._clock.now())
        until = now + int(LASTS_S * 1e6)
        key = f"looking:{session_id}"
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                if on:
                    pipeline.hset(key, me.id, f"{until}:{me.name}")
                    pipeline.pexpire(key, int(LASTS_S * 1e3))
                else:
                    pipeline.hdel(key, me.id)
                pipeline.hgetall(key)
                kept = pipeline.execute()[-1]
        except redis.RedisError as error:
            log.info("lookers_unknown", error=type(error).__name__)
            return ()
        others = []
        for raw_id, word in kept.items():
            id, (until_text, _, name) = _text(raw_id), _text(word).partition(":")
            if id != me.id and until_text.isdigit() and int(until_text) > now:
                others.append(Looker(id=id, name=name))
        return sorted(others, key=lambda one: (one.name.casefold(), one.id))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
