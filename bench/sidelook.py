"""Watching a pass from beside it: how far it is, what its worker takes; and killing that worker."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil

_EVERY_S = 0.1
_MIB = 2**20


def busiest(moments: Sequence[float], window_s: float) -> int:
    """Return how many moments lie within the fullest `window_s` seconds, wherever they begin."""
    ordered = sorted(moments)
    most = first = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


class Sidelook:
    """Looks ten times a second until it is left. Kills the worker at each of `kill_at` reads."""

    def __init__(self, read: Callable[[], int], gateway_pid: int) -> None:
        """`read` tells how many conversations have been read."""
        self.kill_at: list[int] = []
        self.killed = 0
        self._read = read
        self._gateway = psutil.Process(gateway_pid)
        self._worker: psutil.Process | None = None
        self._sizes: list[float] = []
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Sidelook:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._left.set()
        self._thread.join()

    @property
    def memory(self) -> str:
        """The worker's resident memory over the pass."""
        sizes = [f"{size:.0f}" for size in (self._sizes[0], max(self._sizes), self._sizes[-1])]
        return "{} MiB at the start, {} at most, {} at the end".format(*sizes)

    def _watch(self) -> None:
        while not self._left.wait(_EVERY_S):
            with suppress(psutil.NoSuchProcess):
                self._look()

    def _look(self) -> None:
        if self._worker is None or not self._worker.is_running():
            self._worker = self._find()
        if self._worker is None:
            return
        self._sizes.append(self._worker.memory_info().rss / _MIB)
        if self.kill_at and self._read() >= self.kill_at[0]:
            del self.kill_at[0]
            self._worker.send_signal(signal.SIGKILL)
            self.killed += 1
            self._worker = None

    def _find(self) -> psutil.Process | None:
        for process in self._gateway.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "worker --only sync" in " ".join(process.cmdline()):
                    return process
        return None
