"""Counting in Redis without ever waiting for it: after trouble it is left alone for a second."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import redis

from gateway.clock import Clock

_LEFT_ALONE_S = 1.0

Found = TypeVar("Found")


class Aside:
    """Asks Redis while it answers. Safe to share; that it went, and is back, is told once each."""

    def __init__(
        self, clock: Clock, *, went: Callable[[str], object], is_back: Callable[[], object]
    ) -> None:
        """`went` is told the name of the error."""
        self._clock = clock
        self._went = went
        self._is_back = is_back
        self._away_until: float | None = None

    def ask(self, what: Callable[[], Found]) -> Found | None:
        """Return what is found; None while Redis is away."""
        away_until = self._away_until
        if (away_until or -math.inf) > self._clock.monotonic():
            return None
        try:
            found = what()
        except redis.RedisError as error:
            self._away_until = self._clock.monotonic() + _LEFT_ALONE_S
            if away_until is None:
                self._went(type(error).__name__)
            return None
        if away_until is not None:
            self._away_until = None
            self._is_back()
        return found
