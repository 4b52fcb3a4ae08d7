"""Draining: do what is due until nothing is, with threads for what is slow elsewhere.

Nothing is claimed here: each piece of work claims itself in the database, so a drain that runs
twice, or dies, or is late, does no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Protocol

import structlog

from gateway.clock import Clock
from gateway.errors import Again
from gateway.logs import about
from gateway.store import new_id
from gateway.wake import Listener

log = structlog.get_logger(__name__)

BUDGET_S = 60.0
WAIT_FOR_DUE_S = 2.0
LINGER_S = 20.0
"""How long a drain that listens stays when there is nothing to do: another costs RQ 5 ms."""
_POLL_S = 0.02
_SLICE_S = 0.05
_LOOK_S = 0.25
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
    """Runs one kind of work. `stopping` ends it early: nothing more is begun then.

    With a `listener` it is told of work, so it seldom looks, and lingers for more.
    """

    def __init__(
        self,
        work: Work,
        clock: Clock,
        stopping: threading.Event,
        before: Callable[[], object] | None = None,
        listener: Listener | None = None,
        linger_s: float = 0.0,
    ) -> None:
        """`before` is called before work is looked for, and whenever that is done again."""
        self._before = before
        self._work = work
        self._clock = clock
        self._stopping = stopping
        self._listener = listener
        self._linger_s = linger_s
        self._running: dict[Future[None], str] = {}
        # Set when it is worth looking: something is told, or done that left hands or work behind.
        self._stir = threading.Event()
        self._checked_at = float("-inf")
        self._full = False
        # Something becomes due in a moment, or may: of that nobody tells us.
        self._soon = False
        self._again: set[str] = set()

    def run(self, budget_s: float = BUDGET_S) -> bool:
        """Work until nothing is due or soon to be; True if time ran out first, or more was told."""
        ends = self._clock.monotonic() + budget_s
        pool = ThreadPoolExecutor(self._work.threads, thread_name_prefix=self._work.kind)
        if self._listener is not None:
            self._listener.open(self._stir)
        missed = False
        try:
            more = self._run(pool, ends)
        finally:
            if self._listener is not None:
                missed = self._listener.close()
            self._finish(pool)
        return more or missed

    def _run(self, pool: ThreadPoolExecutor, ends: float) -> bool:
        idle_since: float | None = None
        while not self._stopping.is_set():
            if self._clock.monotonic() >= ends or (self._running and self._makes_way):
                return True
            self._stir.clear()
            self._reap()
            begun = self._begin(pool)
            if begun or self._running:
                idle_since = None
                if self._hears or not (begun or self._full):
                    self._soon = self._is_soon()
                self._wait(_POLL_S if self._soon or not self._hears else _LOOK_S)
                continue
            self._soon = self._work.due_within(WAIT_FOR_DUE_S)
            if self._soon:
                self._wait(_POLL_S)
            else:
                now = self._clock.monotonic()
                idle_since = now if idle_since is None else idle_since
                lingers = self._hears and not self._makes_way
                if not lingers or now - idle_since >= self._linger_s:
                    return False
                self._wait(_LOOK_S)
        return False

    def _begin(self, pool: ThreadPoolExecutor) -> bool:
        """Begin what is due; True if anything was, or if it must be looked for once more."""
        free = self._work.threads - len(self._running)
        self._full = free <= 0
        if self._full:
            if self._listener is not None:
                self._listener.want_no_more()
            return False
        try:
            due = self._due(free + len(self._running))
        except Again as trouble:
            log.warning("drain_waits", kind=self._work.kind, error=trouble.message)
            self._stopping.wait(1.0)
            return True
        busy = set(self._running.values())
        fresh = [key for key in dict.fromkeys(due) if key not in busy][:free]
        for key in fresh:
            future = pool.submit(self._do, key)
            self._running[future] = key
            future.add_done_callback(partial(self._done, key))
        # What is due and being done just now may leave something due behind.
        self._again = busy.intersection(due)
        if any(one.done() and key in self._again for one, key in self._running.items()):
            self._stir.set()
        return bool(fresh)

    def _due(self, limit: int) -> Sequence[str]:
        """What is due: as we are told, or else as we find."""
        told: list[str] = []
        looks = True
        if self._listener is not None:
            now = self._clock.monotonic()
            check = now - self._checked_at >= _LOOK_S
            self._checked_at = now if check else self._checked_at
            self._listener.ask_for_work(check=check)
            told = self._listener.told()
            looks = check or not told or not all(told) or bool(self._again)
        if self._before is not None:
            self._before()
        named = [key for key in told if key]
        return [*named, *self._work.due(limit)] if looks else named

    def _do(self, key: str) -> None:
        # The origin of what nobody but time asked for; what was asked for has its own.
        with about(origin=new_id("wrk")):
            self._work.do(key)

    def _done(self, key: str, future: Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            log.error("work_failed", kind=self._work.kind, key=key, exc_info=error)
        if not self._hears or self._full or key in self._again:
            self._stir.set()

    @property
    def _hears(self) -> bool:
        return self._listener is not None and self._listener.hears

    @property
    def _makes_way(self) -> bool:
        return self._listener is not None and self._listener.makes_way

    def _is_soon(self) -> bool:
        try:
            return self._work.due_within(WAIT_FOR_DUE_S)
        except Again:  # the next look tells
            return True

    def _wait(self, seconds: float) -> None:
        """Wait until something stirs or the end is asked for."""
        while seconds > 0 and not self._stopping.is_set():
            if self._stir.wait(min(seconds, _SLICE_S)):
                return
            seconds -= _SLICE_S

    def _reap(self) -> None:
        for future in [one for one in self._running if one.done()]:
            del self._running[future]
            if future.exception() is not None:  # it may be due still
                self._stopping.wait(_POLL_S)

    def _finish(self, pool: ThreadPoolExecutor) -> None:
        """The process ends: wait a little for what was begun. Else it goes on by itself."""
        ends = self._clock.monotonic() + _GRACE_S
        while self._stopping.is_set() and self._running and self._clock.monotonic() < ends:
            wait(self._running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            self._reap()
        if self._stopping.is_set() and self._running:
            self._work.abandon(list(self._running.values()))
        pool.shutdown(wait=False, cancel_futures=self._stopping.is_set())
