"""The gate: when a thousand readers come back at once, others are served first.

After a restart every browser comes back within a second or two. Letting one in costs about as much
as a webhook, so they are let in at a steady pace, and each lets whatever else is being asked go
first: a webhook or a page comes upon one of them at most.
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

SLACK_S = 0.05
"""What was not used of the pace for so long may be used at once."""

YIELDS_S = 0.04
"""So long does each wait for a moment in which nothing else is asked; then it goes in anyway."""

MOST_INSIDE = 4
"""So many are let in at the same time: each waits for such a moment, and for the database. Where
the machine is slower than the pace, this and the waiting are what bounds it."""

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
        yields_s: float = YIELDS_S,
    ) -> None:
        self._application = application
        self._paths = frozenset(paths)
        self._pace_s = pace_s
        self._slack_s = slack_s
        self._yields_s = yields_s
        self._inside = threading.Semaphore(MOST_INSIDE)
        self._lock = threading.Lock()
        self._next_at = 0.0
        # Requests that pass by, until they begin to answer.
        self._others = 0
        self._alone = threading.Event()
        self._alone.set()
        # Nobody sets it: waiting for it is waiting, in a way that lets others go on.
        self._turn = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") not in self._paths:
            return self._pass_by(environ, start_response)
        mine = self._inside.acquire(timeout=PATIENCE_S)
        try:
            wait_s = self._take_turn()
            if mine:
                if wait_s > 0:
                    self._turn.wait(wait_s)
                self._let_others_go_first()
            return self._application(environ, start_response)
        finally:
            if mine:
                self._inside.release()

    def _pass_by(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            self._others += 1
            self._alone.clear()
        try:
            return self._application(environ, start_response)
        finally:
            with self._lock:
                self._others -= 1
                if not self._others:
                    self._alone.set()

    def _take_turn(self) -> float:
        """Take the next turn; seconds until it comes."""
        with self._lock:
            now = time.monotonic()
            mine = max(self._next_at, now - self._slack_s)
            self._next_at = mine + self._pace_s
        return mine - now

    def _let_others_go_first(self) -> None:
        until = time.monotonic() + self._yields_s
        while not self._alone.is_set():  # again and again: another may have come meanwhile
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            self._alone.wait(left_s)
