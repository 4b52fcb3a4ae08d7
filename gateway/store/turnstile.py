"""One writer at a time, between the threads of a process and between processes, in short turns."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import Unavailable

_NAP_S = 0.0005


class Turnstile:
    """A lock file that writers pass one by one.

    Waiting polls every half millisecond: a transaction here takes about that long, while a blocking
    flock would stop every greenlet of a web process and could not be given up after `patience_s`.
    """

    def __init__(self, path: str, patience_s: float) -> None:
        self._path = path
        self._patience_s = patience_s
        self._inside = threading.Lock()
        self._pid: int | None = None
        self._fd = -1

    @contextmanager
    def passing(self) -> Iterator[float]:
        """Hold the lock for the block, which is told when its own patience ends (monotonic).

        Raises Unavailable if it cannot be had in time.
        """
        deadline = time.monotonic() + self._patience_s
        if not self._inside.acquire(timeout=self._patience_s):
            raise Unavailable("the database is busy: other writers did not finish in time")
        try:
            fd = self._descriptor()
            self._wait(fd, deadline)
            try:
                yield deadline
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
        finally:
            self._inside.release()

    def _descriptor(self) -> int:
        # A descriptor inherited through fork would share the parent's lock, not wait for it.
        if self._pid != os.getpid():
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._pid = os.getpid()
        return self._fd

    def _wait(self, fd: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Unavailable(
                        "the database is busy: another process did not finish writing in time"
                    ) from None
                time.sleep(_NAP_S)
            else:
                return
