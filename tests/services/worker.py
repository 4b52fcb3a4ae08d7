"""A worker in this process: does what is due, all the time, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gateway.sync.jobs import Bench
from gateway.wiring import Parts


class Worker:
    """Works at some kinds between `start` and `stop`. What went wrong is told by `stop`."""

    def __init__(self, parts: Parts, kinds: Iterable[str]) -> None:
        self._kinds = tuple(kinds)
        self._over = threading.Event()
        self._bench = Bench(parts, self._over)
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)
        self._troubles: list[BaseException] = []

    def start(self) -> None:
        """Begin, if that was not done."""
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> list[BaseException]:
        """End; what went wrong meanwhile."""
        self._over.set()
        self._thread.join(10)
        return self._troubles

    def is_busy(self) -> bool:
        """True if something is due."""
        return any(list(self._bench.works[kind].due(1)) for kind in self._kinds)

    def _work(self) -> None:
        try:
            while not self._over.wait(0.02):
                for kind in self._kinds:
                    work = self._bench.works[kind]
                    for key in work.due(50):
                        work.do(key)
        except BaseException as error:
            self._troubles.append(error)
            raise
