"""The ear: one subscription to Redis for a whole process, which hears of news and hints."""

from __future__ import annotations

import threading
import time
from typing import Any

import redis
import structlog

from gateway.feed import CHANNEL, HINTS, Hints
from gateway.wake import patient_redis

log = structlog.get_logger(__name__)

_LISTEN_S = 5.0
_AGAIN_S = 1.0


class Ear:
    """Sets an event when other processes ring, and passes their hints on.

    `hears` is False while Redis is away. What is rung under the name `me` was heard here already.
    """

    def __init__(
        self, redis_url: str, news: threading.Event, hints: Hints, me: bytes | None = None
    ) -> None:
        self._url = redis_url
        self._me = me
        self._hints = hints
        self._news = news
        self._runs: threading.Event | None = None
        self.hears = False

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._runs = threading.Event()
        threading.Thread(target=self._run, args=(self._runs,), name="ear", daemon=True).start()

    def stop(self) -> None:
        """Listen no more; the thread ends within seconds."""
        if self._runs is not None:
            self._runs.set()
            self._runs = None

    def _run(self, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                self._listen(ended)
            except redis.RedisError as error:
                if self.hears:
                    log.info("news_not_heard", error=type(error).__name__)
                self.hears = False
                self._news.set()  # what was rung meanwhile is looked for
                time.sleep(_AGAIN_S)
        self.hears = False

    def _listen(self, ended: threading.Event) -> None:
        # redis-py ships no annotations for this.
        connection: Any = patient_redis(self._url)
        with connection, connection.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(CHANNEL, HINTS)
            while not ended.is_set():
                message = channel.get_message(timeout=_LISTEN_S)
                if message is not None and message["channel"] == HINTS.encode():
                    self._hints.hear(message["data"])
                elif not self.hears or (message is not None and message["data"] != self._me):
                    self.hears = True
                    self._news.set()
