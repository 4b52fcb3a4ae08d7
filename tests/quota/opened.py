"""Connections that tests open in passing: closed when the test is over, not when they are found."""

from __future__ import annotations

import redis

_OPEN: list[redis.Redis] = []


def opened(connection: redis.Redis) -> redis.Redis:
    _OPEN.append(connection)
    return connection


def close_all() -> None:
    while _OPEN:
        _OPEN.pop().close()
