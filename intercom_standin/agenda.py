"""What is to be delivered when: a heap of due notifications and the threads that work on it."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from intercom_standin.records import Notification


class Agenda:
    """Runs `deliver` on several threads, so that order is not kept (vendor rule: no order)."""

    def __init__(self, deliver: Callable[[Notification], object], *, threads: int) -> None:
        self._deliver = deliver
        self._threads = threads
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, bool, Notification]] = []
        self._numbers = itertools.count()
        self._busy = 0
        self._started = False
        self._stopped = False

    def add(self, notification: Notification, wait_s: float, *, retry: bool = False) -> None:
        """Owe a delivery in `wait_s` seconds."""
        with self._changed:
            if self._stopped:
                return
            if not self._started:
                self._started = True
                for number in range(self._threads):
                    name = f"standin-notifier-{number}"
                    threading.Thread(target=self._work, name=name, daemon=True).start()
            due = time.monotonic() + wait_s
            heapq.heappush(self._heap, (due, next(self._numbers), retry, notification))
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float, *, retries: bool) -> bool:
        """Wait until no delivery runs and none is owed (retries only if asked for)."""
        with self._changed:
            return self._changed.wait_for(
                lambda: (
                    not self._busy
                    and not any(retries or not retry for _, _, retry, _ in self._heap)
                ),
                timeout_s,
            )

    def stop(self) -> None:
        """Let the threads end after what they are doing."""
        with self._changed:
            self._stopped = True
            self._heap.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and not self._due():
                    wait_s = self._heap[0][0] - time.monotonic() if self._heap else None
                    self._changed.wait(wait_s)
                if self._stopped:
                    return
                notification = heapq.heappop(self._heap)[3]
                self._busy += 1
            try:
                self._deliver(notification)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= time.monotonic()
