"""Who acts, one step at a time: real code on a greenlet, stopped before whatever others can see.

A step is a transaction or an exchange with the channel. An actor is stopped before each of them, so
between two steps of one, any others may take theirs; and it may be killed there, which is to say
after the step before: a process that dies loses what it had in mind and what had not committed.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import greenlet

_running: Actor | None = None


class Dead(BaseException):
    """Raised in whoever was killed and is about to do something all the same."""


class Actor:
    """One piece of work under way. `at`: what it is about to do; None once it has ended."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self.name = name
        self.at: str | None = "its beginning"
        self.dead = False
        self.fault: str | None = None
        self.error: Exception | None = None
        self._work = work
        self._self = greenlet.greenlet(self._run)

    def go(self) -> None:
        """Let it run to where it is stopped next."""
        global _running
        _running = self
        try:
            self._self.switch()
        finally:
            _running = None

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.error = error
        self.at = None

    def stop(self, before: str) -> None:
        """Called by the actor itself: wait to be let go."""
        global _running
        if self.dead:
            raise Dead
        self.at = before
        assert self._self.parent is not None
        self._self.parent.switch()
        if self.dead:
            raise Dead

    def frames(self) -> Iterator[types.FrameType]:
        """Where it stands, innermost first."""
        frame: Any = self._self.gr_frame
        while frame is not None:
            yield frame
            frame = frame.f_back


def stop(before: str) -> Actor | None:
    """Stop whoever acts just now; None if it is nobody's step (a look by who directs)."""
    me = _running
    if me is not None:
        me.stop(before)
    return me
