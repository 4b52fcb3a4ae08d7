"""Wake-ups: telling workers through RQ that there is work. The work itself is in the database.

Every wake-up may be lost: the scheduler looks for what is due twice a second. So Redis is given
50 ms and its errors change nobody's answer.
"""

from __future__ import annotations

from typing import Literal, get_args

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

log = structlog.get_logger(__name__)

Kind = Literal[
    "turns", "deliver", "sync", "directory", "upkeep", "watch", "events", "waiting", "deadlines"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

JOB = "gateway.sync.jobs.drain"
"""The job by its dotted name: whoever wakes need not import what runs."""

QUEUES: dict[str, Kind] = {
    "turns": "turns",
    "deliver": "deliver",
    "upkeep": "deliver",
    "deadlines": "deliver",
    "sync": "sync",
    "directory": "sync",
    "watch": "sync",
    "events": "sync",
    "waiting": "sync",
}
"""The queue of each kind of work, one for each worker; what time asks for goes with deliver."""

_PATIENCE_S = 0.05
_PENDING_S = 10
_JOB_TTL_S = 60
_JOB_TIMEOUT_S = 600


def impatient_redis(url: str) -> redis.Redis:
    """A client for the request path: 50 ms, one try."""
    return redis.Redis.from_url(
        url,
        socket_timeout=_PATIENCE_S,
        socket_connect_timeout=_PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
    )


def patient_redis(url: str) -> redis.Redis:
    """A client for workers, which block on their queue.

    One more try at once: redis-py's own waits for seconds, which a worker spends better on work.
    """
    return redis.Redis.from_url(
        url, socket_connect_timeout=5, health_check_interval=15, retry=Retry(NoBackoff(), 1)
    )


class Waker:
    """Wakes workers. Safe to share; nothing is connected before the first wake-up."""

    def __init__(self, connection: redis.Redis | None) -> None:
        self._redis = connection

    def wake(self, kind: str) -> bool:
        """Enqueue one drain of `kind`, unless one is on its way; False if Redis did not answer.

        The key makes it one; a drain deletes it before it looks, so work owed meanwhile wakes anew.
        """
        if self._redis is None:
            return False
        try:
            if self._redis.set(_key(kind), 1, nx=True, ex=_PENDING_S):
                Queue(QUEUES[kind], connection=self._redis).enqueue_call(
                    JOB,
                    args=(kind,),
                    result_ttl=0,
                    failure_ttl=_JOB_TTL_S,
                    ttl=_JOB_TTL_S,
                    timeout=_JOB_TIMEOUT_S,
                )
        except redis.RedisError as error:
            log.info("wake_lost", kind=kind, error=type(error).__name__)
            return False
        return True

    def awake(self, kind: str) -> None:
        """A drain of `kind` begins: from now on work owed needs another wake-up."""
        if self._redis is None:
            return
        try:
            self._redis.delete(_key(kind))
        except redis.RedisError as error:
            log.info("wake_key_kept", kind=kind, error=type(error).__name__)


def _key(kind: str) -> str:
    return f"wake:{kind}"
