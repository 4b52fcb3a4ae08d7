"""Draining: do what is due until nothing is, with threads for what is slow elsewhere.

Nothing is claimed here: each piece of work claims itself in the database, so a drain that runs
twice, or dies, or is late, does no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

import structlog

from gateway.clock import Clock
from gateway.errors import Again
from gateway.logs import about
from gateway.store import new_id

log = structlog.get_logger(__name__)

BUDGET_S = 60.0
WAIT_FOR_DUE_S = 2.0
_POLL_S = 0.02
_GRACE_S = 5.0


class Work(Protocol):
    """One kind of work: how much at once, what is due, how to do one piece."""

    kind: str
    threads: int

    def due(self, limit: int) -> Sequence[str]:
        """Keys of what is due now, the most urgent first."""
        ...

    def due_within(self, seconds: float) -> bool:
        """True if something becomes due that soon."""
        ...

    def do(self, key: str) -> None:
        """Do one piece; called in a thread."""
        ...

    def abandon(self, keys: Sequence[str]) -> None:
        """The process ends while these are being done: give them back."""
        ...


class Drain:
    """Runs one kind of work. `stopping` ends it early: nothing more is begun then."""

    def __init__(
        self,
        work: Work,
        clock: Clock,
        stopping: threading.Event,
        before: Callable[[], object] | None = None,
    ) -> None:
        """`before` is called before work is looked for, and whenever that is done again."""
        self._before = before
        self._work = work
        self._clock = clock
        self._stopping = stopping

    def run(self, budget_s: float = BUDGET_S) -> bool:
        """Work until nothing is due or soon to be; True if time ran out first."""
        ends = self._clock.monotonic() + budget_s
        pool = ThreadPoolExecutor(self._work.threads, thread_name_prefix=self._work.kind)
        running: dict[Future[None], str] = {}
        try:
            while not self._stopping.is_set():
                if self._clock.monotonic() >= ends:
                    return True
                begun = self._begin(pool, running)
                if running:
                    self._reap(running, _POLL_S)
                elif not begun:
                    if not self._work.due_within(WAIT_FOR_DUE_S):
                        return False
                    self._stopping.wait(_POLL_S)
            return False
        finally:
            self._finish(pool, running)

    def _begin(self, pool: ThreadPoolExecutor, running: dict[Future[None], str]) -> bool:
        free = self._work.threads - len(running)
        if free <= 0:
            return False
        try:
            if self._before is not None:
                self._before()
            due = self._work.due(free + len(running))
        except Again as trouble:
            log.warning("drain_waits", kind=self._work.kind, error=trouble.message)
            self._stopping.wait(1.0)
            return True
        fresh = [key for key in due if key not in running.values()][:free]
        for key in fresh:
            running[pool.submit(self._do, key)] = key
        return bool(fresh)

    def _do(self, key: str) -> None:
        # The origin of what nobody but time asked for; what was asked for has its own.
        with about(origin=new_id("wrk")):
            self._work.do(key)

    def _reap(self, running: dict[Future[None], str], patience_s: float) -> None:
        done, _ = wait(running, timeout=patience_s, return_when=FIRST_COMPLETED)
        for future in done:
            key = running.pop(future)
            error = future.exception()
            if error is not None:
                log.error("work_failed", kind=self._work.kind, key=key, exc_info=error)
                self._stopping.wait(_POLL_S)

    def _finish(self, pool: ThreadPoolExecutor, running: dict[Future[None], str]) -> None:
        ends = self._clock.monotonic() + _GRACE_S
        while running and self._clock.monotonic() < ends:
            self._reap(running, _POLL_S)
        if running:
            self._work.abandon(list(running.values()))
        pool.shutdown(wait=False, cancel_futures=True)
