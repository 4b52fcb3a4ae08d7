"""A worker process: one RQ queue, the parts built once, threads inside each drain."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType

import redis
import structlog
from rq import Queue, SimpleWorker

from gateway.sync import jobs
from gateway.wake import KINDS, QUEUES, Kind, patient_redis
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_RETRY_REDIS_S = 1.0
_IDLE_CHECK_S = 1.0


class Worker(SimpleWorker):
    """RQ's worker without a fork per job, which tells the running drain when to stop."""

    stopping: threading.Event

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """On SIGINT or SIGTERM: begin nothing more; the drain ends what it has begun."""
        self.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def run_worker(parts: Parts, queue: str) -> int:
    """Serve `queue` ("turns", "deliver" or "sync") until a signal asks for the end.

    While Redis is down nobody can wake us, so we look for ourselves once a second.
    """
    stopping = threading.Event()
    jobs.prepare(parts, stopping)
    url = parts.settings.redis_url
    kinds = [kind for kind in KINDS if QUEUES[kind] == queue]
    _stop_on_signal(stopping)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    while not stopping.is_set():
        if url is None:
            _look(kinds)
        else:
            try:
                _serve(url, queue, stopping)
            except redis.RedisError as error:
                log.warning("redis_away", error=type(error).__name__)
                _look(kinds)
        stopping.wait(_RETRY_REDIS_S)
    parts.database.dispose()
    # Threads that still wait for a slow agent are fenced; nobody needs to wait for them.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _serve(url: str, queue: str, stopping: threading.Event) -> None:
    connection = patient_redis(url)
    try:
        worker = Worker([Queue(queue, connection=connection)], connection=connection)
        worker.stopping = stopping
        worker.work(logging_level="WARNING")
    finally:
        _stop_on_signal(stopping)
        connection.close()


def _look(kinds: list[Kind]) -> None:
    for kind in kinds:
        jobs.drain(kind)


def _stop_on_signal(stopping: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
