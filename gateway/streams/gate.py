"""The gate before the stream: when a thousand readers come back at once, others are served, too.

After a restart every browser comes back within a second or two. Letting one in costs about as much
as a webhook, so they are let in at a steady pace, a few at a time: what else the process has to do
gets its turn in between. The first ones come in at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PACE_S = 0.004
"""One in so many seconds: 2,000 are back after 8 s, and take a quarter of a core meanwhile."""

SLACK_S = 0.25
"""What was not used of the pace for so long may be used at once."""

MOST_INSIDE = 4
"""So many are let in at the same time: each waits for the database and Redis in between. Where the
machine is slower than the pace, this is what bounds it."""

PATIENCE_S = 60.0
"""Whoever has waited for so long goes in: something else is wrong, and will be said there."""


class Gate:
    """A turnstile before some paths of an application. What was let in is nobody's business."""

    def __init__(
        self,
        application: WSGIApplication,
        *paths: str,
        pace_s: float = PACE_S,
        slack_s: float = SLACK_S,
    ) -> None:
        self._application = application
        self._paths = frozenset(paths)
        self._pace_s = pace_s
        self._slack_s = slack_s
        self._inside = threading.Semaphore(MOST_INSIDE)
        self._lock = threading.Lock()
        self._next_at = 0.0
        # Nobody sets it: waiting for it is waiting, in a way that lets others go on.
        self._turn = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") not in self._paths:
            return self._application(environ, start_response)
        mine = self._inside.acquire(timeout=PATIENCE_S)
        try:
            wait_s = self._take_turn()
            if mine and wait_s > 0:
                self._turn.wait(wait_s)
            return self._application(environ, start_response)
        finally:
            if mine:
                self._inside.release()

    def _take_turn(self) -> float:
        """Take the next turn; seconds until it comes."""
        with self._lock:
            now = time.monotonic()
            mine = max(self._next_at, now - self._slack_s)
            self._next_at = mine + self._pace_s
        return mine - now
