"""The bell: says that there is news, to this process at once and to others through Redis.

Best effort: whoever follows the journal also looks for himself. Nobody who commits waits for it;
a thread of its own rings, once for all that was committed meanwhile.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

import redis
import structlog

log = structlog.get_logger(__name__)

CHANNEL = "gateway:news"
"""The channel of Redis on which news is announced, to whoever is there, with who rang."""

_WAKE_EVERY_S = 0.1


class Bell:
    """Rings when something was told. Nothing runs and nothing is connected before the first ring.

    `wake` is told, too, where somebody must work on what happened. `name` is what others hear this
    process by: its own listeners have heard it before.
    """

    def __init__(
        self, connection: redis.Redis | None = None, wake: Callable[[], object] | None = None
    ) -> None:
        self.name = secrets.token_hex(8).encode()
        self._redis = connection
        self._wake = wake
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._ringer: threading.Thread | None = None
        self._wake_at = 0.0
        self._listeners: tuple[Callable[[], object], ...] = ()

    def ring(self) -> None:
        """There is news. Returns at once and never fails."""
        for listener in self._listeners:
            listener()
        if self._redis is None:
            return
        if self._ringer is None:
            self._start()
        self._news.set()

    def listen(self, listener: Callable[[], object]) -> None:
        """Have `listener` called at each ring in this process; it must not wait."""
        self._listeners = (*self._listeners, listener)

    def _start(self) -> None:
        with self._lock:
            if self._ringer is None:
                self._ringer = threading.Thread(target=self._run, name="bell", daemon=True)
                self._ringer.start()

    def _run(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            self._announce()

    def _announce(self) -> None:
        if self._redis is None:
            return
        try:
            self._redis.publish(CHANNEL, self.name)
        except redis.RedisError as error:
            log.info("news_lost", error=type(error).__name__)
        if self._wake is not None and time.monotonic() >= self._wake_at:
            self._wake_at = time.monotonic() + _WAKE_EVERY_S
            self._wake()
