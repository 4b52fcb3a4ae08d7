"""Forks a child that goes on as a new process would, but with everything imported already.

Modules take 110 MB in each process that imports them for itself; what a fork only reads, it shares
with its parent. It also shares what it must not: signal handlers, open files, the locks on them.
So a child puts all of that off before it does anything, and never returns to what its parent was
doing. The parent must be clean itself: one thread (a fork copies no other, but every lock that one
holds), and no connection to anything.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from setproctitle import setproctitle

from gateway.leash import hold


class Forked:
    """A forked child, with what a supervisor needs to know of one (as `subprocess.Popen` has it).

    `returncode` is None while it runs, and the signal's negative number if one has killed it.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Reap it if it has ended; return its `returncode`."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int | None:
        """Wait for its end; return its `returncode`."""
        return self._reap(0)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def can_fork() -> bool:
    """Tell whether a fork is safe: on Linux, in a process with a single thread.

    macOS's own libraries do not bear a fork that is not followed by another program.
    """
    return sys.platform == "linux" and threading.active_count() == 1


def share_what_lives() -> None:
    """Let children share for good what lives now: looking for cycles would write to all of it."""
    gc.collect()
    gc.freeze()


def fork(run: Callable[[], object], *, argv: Sequence[str], env: Mapping[str, str]) -> Forked:
    """Call `run` in a child and end it with the exit status that the call would have had.

    Has returned when the child stands on its own feet: in a session of its own, on a leash held by
    this thread. `argv` is what it is called in lists of processes. Raises OSError if there can be
    no more processes.
    """
    parent = os.getpid()
    _flush()
    stands, standing = os.pipe()
    try:
        # Until the child has handlers of its own, a signal would be told to a copy of ours.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                _live(run, parent, argv, env)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(standing)
        standing = -1
        os.read(stands, 1)  # to its end: closing what it got from us is the child's last step
    finally:
        os.close(stands)
        if standing != -1:
            os.close(standing)
    return Forked(pid)


def _live(
    run: Callable[[], object], parent: int, argv: Sequence[str], env: Mapping[str, str]
) -> NoReturn:
    """Be the child from its first moment to its last, whatever happens."""
    status = 1
    try:
        _stand_up(parent, argv, env)
        run()
        status = 0
    except SystemExit as end:
        status = _status_of(end)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # Not by way of the parent's own clean-up, which follows further up on this stack.
        try:
            logging.shutdown()
            _flush()
        finally:
            os._exit(status)


def _stand_up(parent: int, argv: Sequence[str], env: Mapping[str, str]) -> None:
    """Put off whatever is the parent's, and take on what a new process would have."""
    os.setsid()
    hold(parent, signal.SIGKILL)
    setproctitle(" ".join(argv))  # while the environment is still where the kernel has put it
    os.environ.clear()
    os.environ.update(env)
    sys.argv[:] = argv
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        # What is ignored stays so, as across an exec.
        if callable(signal.getsignal(number)):
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    # The objects that own these live as long as we do: they hang on frames that never end.
    os.closerange(3, 1 + max(map(int, os.listdir("/proc/self/fd"))))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _status_of(end: SystemExit) -> int:
    """Return the exit status; say what was to be said instead of one."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    sys.stderr.write(f"{end.code}\n")
    return 1


def _flush() -> None:
    """Write what is buffered: after a fork it would be written twice."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
