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
_STAND_ASIDE_S = 3 * _NAP_S


class Turnstile:
    """A lock file that writers pass one by one.

    Waiting polls every half millisecond: a transaction here takes about that long, while a blocking
    flock would stop every greenlet of a web process and could not be given up after `patience_s`.
    Who has just been inside stands aside for those who wait (they hold a second lock meanwhile): a
    busy process would be back before any of them has looked, and keep them out for many turns.
    """

    def __init__(self, path: str, patience_s: float) -> None:
        self._path = path
        self._patience_s = patience_s
        self._inside = threading.Lock()
        self._pid: int | None = None
        self._fd = self._queue = -1
        self._left_at = float("-inf")

    @contextmanager
    def passing(self) -> Iterator[float]:
        """Hold the lock for the block, which is told when its own patience ends (monotonic).

        Raises Unavailable if it cannot be had in time.
        """
        deadline = time.monotonic() + self._patience_s
        if not self._inside.acquire(timeout=self._patience_s):
            raise Unavailable("the database is busy: other writers did not finish in time")
        try:
            self._open()
            self._stand_aside()
            self._wait(deadline)
            try:
                yield deadline
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
                self._left_at = time.monotonic()
        finally:
            self._inside.release()

    def _open(self) -> None:
        # A descriptor inherited through fork would share the parent's lock, not wait for it.
        if self._pid != os.getpid():
            how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(self._path, how, 0o600)
            self._queue = os.open(self._path + ".queue", how, 0o600)
            self._pid = os.getpid()

    def _stand_aside(self) -> None:
        """Give those who wait the time to look, if it was us who kept them waiting."""
        if time.monotonic() - self._left_at > _STAND_ASIDE_S:
            return
        if _locked(self._queue, fcntl.LOCK_EX):
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        else:
            time.sleep(_STAND_ASIDE_S)

    def _wait(self, deadline: float) -> None:
        if _locked(self._fd, fcntl.LOCK_EX):
            return
        queueing = False
        try:
            while not _locked(self._fd, fcntl.LOCK_EX):
                if time.monotonic() >= deadline:
                    raise Unavailable(
                        "the database is busy: another process did not finish writing in time"
                    )
                # Refused for the instant in which another looks whether anybody waits.
                queueing = queueing or _locked(self._queue, fcntl.LOCK_SH)
                time.sleep(_NAP_S)
        finally:
            if queueing:
                fcntl.flock(self._queue, fcntl.LOCK_UN)


def _locked(fd: int, how: int) -> bool:
    """Lock a file at once; False if somebody else's lock forbids it."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
