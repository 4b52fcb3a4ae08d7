"""Keeps a tree of processes running in the foreground: what `gateway up` stands on.

Children start stage by stage and stop in the opposite order. What dies is started again. When the
supervisor itself is killed, the kernel kills its children (`leash.py`).
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from gateway.forking import Forked, can_fork, fork
from gateway.leash import leashed

log = logging.getLogger(__name__)

# A child that dies is started again after this long, each time twice as long as before ...
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
# ... and is forgiven once it has lived this long.
FORGIVEN_AFTER_S = 30.0
# The whole tree is given 10 s to stop; what has not gone by itself after 8 is killed.
GRACE_S = 8.0
# What is left for a stage whose turn comes when the grace is used up already.
LAST_GRACE_S = 1.0
READY_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process to keep running."""

    # For people, in the log.
    name: str
    argv: Sequence[str]
    # The whole environment; None: ours.
    env: Mapping[str, str] | None = None
    # File descriptors that it inherits, such as a listening socket.
    pass_fds: tuple[int, ...] = ()
    # The same as a call, for a child that shares what we have imported (`forking.py`). Where that
    # is not possible, `argv` is executed.
    run: Callable[[], object] | None = None
    # Says whether it serves; the next stage is started only then.
    ready: Callable[[], bool] | None = None


class Supervisor:
    """Runs stages of children until a signal asks for the end.

    Must be made and run in the main thread: signals arrive there, and a child's leash is held by
    the thread that starts it.
    """

    def __init__(self, stages: Sequence[Sequence[Child]], *, grace_s: float = GRACE_S) -> None:
        self._stages = [[_Kept(child) for child in stage] for stage in stages]
        self._grace_s = grace_s
        self._stop_signals = 0

    def run(self) -> int:
        """Run everything; return 0 after a stop that was asked for, 1 if the start failed."""
        with self._listening_to_signals() as wakeup:
            try:
                started = self._start(wakeup)
                while started and not self._stop_signals:
                    _wait(wakeup, self._revive())
                return 0 if started else 1
            finally:
                self._stop(wakeup)

    def _start(self, wakeup: socket.socket) -> bool:
        """Start stage after stage; return False if one did not come up."""
        for stage in self._stages:
            for kept in stage:
                kept.start()
            until = time.monotonic() + READY_WITHIN_S
            while unready := [kept.name for kept in stage if not kept.is_ready()]:
                if self._stop_signals:
                    return True
                if time.monotonic() > until:
                    log.error("not ready after %g s: %s", READY_WITHIN_S, ", ".join(unready))
                    return False
                self._revive()
                _wait(wakeup, 0.02)
            if self._stop_signals:
                return True
        return True

    def _revive(self) -> float:
        """Start again what has died and is due; return how long nothing will be due."""
        pauses = [kept.revive() for stage in self._stages for kept in stage]
        return min(pauses, default=LONGEST_PAUSE_S)

    def _stop(self, wakeup: socket.socket) -> None:
        """Stop the stages, last first; kill what is still there when its time is up."""
        asked = max(self._stop_signals, 1)
        end = time.monotonic() + self._grace_s
        for stage in reversed(self._stages):
            for kept in stage:
                kept.signal(signal.SIGTERM)
            stage_end = max(end, time.monotonic() + LAST_GRACE_S)
            # A second signal says: do not wait.
            while time.monotonic() < stage_end and self._stop_signals <= asked:
                if not any(kept.alive for kept in stage):
                    break
                _wait(wakeup, 0.1)
            for kept in stage:
                kept.kill()

    @contextmanager
    def _listening_to_signals(self) -> Iterator[socket.socket]:
        """Give a socket that can be read from whenever a signal has come."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        before: dict[signal.Signals, Any] = {}
        wakeup_before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) != signal.SIG_IGN or number == signal.SIGTERM:
                    before[number] = signal.signal(number, self._on_stop_signal)
            # A handler, so that the wake-up comes when a child has died.
            before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
            yield ours
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup_before)
            ours.close()
            theirs.close()

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_signals += 1


class _Kept:
    """A child with its process and its record of deaths."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._started_at = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._start_at: float | None = None
        # Nothing is left of the process and its own children.
        self._swept = False

    @property
    def name(self) -> str:
        return self._child.name

    @property
    def alive(self) -> bool:
        if self._process is None or self._swept:
            return False
        if self._process.poll() is None:
            return True
        # What it has left behind would be in its successor's way.
        self._kill_group()
        return False

    def is_ready(self) -> bool:
        return self.alive and (self._child.ready is None or self._child.ready())

    def start(self) -> None:
        """Start it in a group of its own: a Ctrl-C in the terminal is for us to pass on."""
        child = self._child
        env = dict(os.environ if child.env is None else child.env)
        if child.run is not None and can_fork():
            self._process = fork(child.run, argv=child.argv, env=env)
        else:
            self._process = subprocess.Popen(
                leashed(child.argv),
                env=env,
                stdin=subprocess.DEVNULL,
                pass_fds=child.pass_fds,
                start_new_session=True,
            )
        self._swept = False
        self._started_at = time.monotonic()
        self._start_at = None
        log.info("started %s (pid %d)", self.name, self._process.pid)

    def revive(self) -> float:
        """Start it again if it has died and its pause is over; return how long it needs nothing."""
        if self._process is None or self.alive:
            return LONGEST_PAUSE_S
        now = time.monotonic()
        if self._start_at is None:
            if now - self._started_at >= FORGIVEN_AFTER_S:
                self._pause_s = FIRST_PAUSE_S
            self._start_at = now + self._pause_s
            log.warning(
                "%s (pid %d) ended with %s; starting it again in %g s",
                self.name,
                self._process.pid,
                _told(self._process.returncode),
                self._pause_s,
            )
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if now < self._start_at:
            return self._start_at - now
        self.start()
        return LONGEST_PAUSE_S

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone: it knows how to tell its own children."""
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill what is left of the process and its own children, and reap it."""
        if self._process is not None and self.alive:
            log.warning("%s (pid %d) did not stop in time: killed", self.name, self._process.pid)
            self._kill_group()
            self._process.wait()

    def _kill_group(self) -> None:
        """Kill its process group, once: the number may belong to another one day."""
        if self._process is not None and not self._swept:
            self._swept = True
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _wait(wakeup: socket.socket, seconds: float) -> None:
    """Sleep until a signal comes, at most so long."""
    readable, _, _ = select.select([wakeup], [], [], seconds)
    if readable:
        with suppress(BlockingIOError):
            wakeup.recv(4096)


def _told(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return signal.Signals(-returncode).name
    return f"exit code {returncode}"
