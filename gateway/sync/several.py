"""Several kinds of work in one drain, each with threads of its own, so none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gateway.sync.drain import Work


class Several:
    """Works done side by side under one name. A key belongs to the work that named it."""

    def __init__(self, kind: str, works: Sequence[Work]) -> None:
        self.kind = kind
        self.threads = sum(work.threads for work in works)
        self._works = works
        self._lock = threading.Lock()
        self._whose: dict[str, Work] = {}
        self._running: dict[Work, set[str]] = {work: set() for work in works}

    def due(self, limit: int) -> Sequence[str]:
        """What is due of each work, as much as it has threads left."""
        found: list[str] = []
        for work in self._works:
            with self._lock:
                running = set(self._running[work])
            free = work.threads - len(running)
            if free <= 0:
                continue
            fresh = [key for key in work.due(free + len(running)) if key not in running][:free]
            with self._lock:
                self._whose.update(dict.fromkeys(fresh, work))
            found += fresh
        return found[:limit]

    def due_within(self, seconds: float) -> bool:
        """True if something of any work becomes due that soon."""
        return any(work.due_within(seconds) for work in self._works)

    def do(self, key: str) -> None:
        """Do one piece of whatever work it is."""
        with self._lock:
            work = self._whose[key]
            if key in self._running[work]:
                return
            self._running[work].add(key)
        try:
            work.do(key)
        finally:
            with self._lock:
                self._running[work].discard(key)
                self._whose.pop(key, None)

    def abandon(self, keys: Sequence[str]) -> None:
        """Give back what is being done."""
        for work in self._works:
            with self._lock:
                theirs = [key for key in keys if self._whose.get(key) is work]
            if theirs:
                work.abandon(theirs)
