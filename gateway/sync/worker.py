"""A worker process: one RQ queue, the parts built once, threads inside each drain."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any, NoReturn

import redis
import structlog
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.worker import WorkerStatus

from gateway.sync import jobs
from gateway.sync.drain import LINGER_S
from gateway.sync.leaving import leave
from gateway.wake import KINDS, QUEUES, Kind, patient_redis
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_RETRY_REDIS_S = 1.0
_KNOWN_FOR_S = 30
"""RQ's `worker_ttl`: half of it is how long a worker waits for a job at a time."""


class Worker(SimpleWorker):
    """RQ's worker without a fork per job, which tells the running drain when to stop."""

    stopping: threading.Event

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Any, Any] | None:
        """Wait for a job; give up at once when Redis is away.

        RQ's own waits for up to a minute between its tries, with work to do meanwhile.
        """
        self.set_state(WorkerStatus.IDLE)
        try:
            while True:
                self._be_known()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
                try:
                    found = self.queue_class.dequeue_any(
                        self._ordered_queues, timeout, connection=self.connection,
                        job_class=self.job_class, serializer=self.serializer,
                        death_penalty_class=self.death_penalty_class,
                    )  # fmt: skip
                except DequeueTimeout:
                    continue
                if found is not None:
                    version = self.get_redis_server_version()  # type: ignore[no-untyped-call]
                    found[0].redis_server_version = version
                return found
        except redis.RedisError as error:
            raise StopRequested from error

    def procline(self, message: str) -> None:
        """Keep our own name in lists of processes; RQ would write what it does there."""

    def _be_known(self) -> None:
        """Be heard of, also after Redis was emptied: RQ says who it is only at its start."""
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]
        self.heartbeat()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """On SIGINT or SIGTERM: begin nothing more; the drain ends what it has begun."""
        self.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def run_worker(parts: Parts, queue: str) -> NoReturn:
    """Serve `queue` ("turns", "deliver" or "sync") until a signal asks for the end.

    While Redis is down nobody can wake us, so we look for ourselves once a second.
    """
    stopping = threading.Event()
    jobs.prepare(parts, stopping, LINGER_S)
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
    leave(parts)


def _serve(url: str, queue: str, stopping: threading.Event) -> None:
    connection = patient_redis(url)
    try:
        queues = [Queue(queue, connection=connection)]
        worker = Worker(queues, connection=connection, worker_ttl=_KNOWN_FOR_S)
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
