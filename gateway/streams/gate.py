"""The gate before the stream: when a thousand readers come back at once, others are served, too.

After a restart every browser comes back within a second or two. Letting one in costs about as much
as a webhook, so they are let in one after the other, and for half as long as that took the gate
rests: what else the process has to do gets its turn. The first ones come in at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SLACK_S = 0.25
REST = 0.5
PATIENCE_S = 60.0
"""Whoever has waited for so long goes in: something else is wrong, and will be said there."""


class Gate:
    """A turnstile in front of one path of an application. What was let in is nobody's business."""

    def __init__(
        self, application: WSGIApplication, path: str, *, slack_s: float = SLACK_S
    ) -> None:
        """`slack_s`: so much may be spent on letting in before the gate rests."""
        self._application = application
        self._path = path
        self._slack_s = slack_s
        self._inside = threading.Semaphore(1)
        self._lock = threading.Lock()
        self._next_at = 0.0
        # Nobody sets it: waiting for it is waiting, in a way that lets others go on.
        self._turn = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != self._path:
            return self._application(environ, start_response)
        mine = self._inside.acquire(timeout=PATIENCE_S)
        began = time.monotonic()
        try:
            wait_s = self._next_at - began
            if mine and wait_s > 0:
                self._turn.wait(min(wait_s, PATIENCE_S))
            began = time.monotonic()
            return self._application(environ, start_response)
        finally:
            self._rest(time.monotonic() - began)
            if mine:
                self._inside.release()

    def _rest(self, took_s: float) -> None:
        with self._lock:
            now = time.monotonic()
            owed_s = took_s * (1 + REST)
            self._next_at = max(self._next_at, now - took_s - self._slack_s) + owed_s
