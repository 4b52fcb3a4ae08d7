"""Ties a child process to its parent: however the parent ends, the kernel ends the child as well.

Run as a script in between (`leashed()` builds the command line): it asks the kernel for a signal
at the parent's death, then becomes the command. This must happen in the child itself, after every
change of user, which would undo it; and not in `preexec_fn`, which is unsafe beside threads.

The kernel watches the *thread* that started the child: start children from the main thread.
Linux only; elsewhere the command simply runs.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

# From <sys/prctl.h>.
PR_SET_PDEATHSIG = 1


def leashed(argv: Sequence[str], *, death_signal: signal.Signals = signal.SIGKILL) -> list[str]:
    """Return the command line that runs `argv` on a leash held by the calling process."""
    # -I and -S: a start in 10 ms, and the folder of this file stays off sys.path.
    interpreter = [sys.executable, "-I", "-S", __file__]
    return [*interpreter, str(os.getpid()), str(int(death_signal)), *argv]


def hold(parent: int, death_signal: int = signal.SIGKILL) -> None:
    """Have the kernel send `death_signal` to this process when `parent` has died.

    Raises OSError if the kernel refuses, SystemExit if the parent is gone already.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # The parent may have died before the request: then no signal will ever come.
    if os.getppid() != parent:
        raise SystemExit(1)


def become(parent: int, death_signal: int, argv: Sequence[str]) -> None:
    """Replace this process by `argv`, tied to `parent`; return never.

    Raises OSError if the command cannot be executed.
    """
    hold(parent, death_signal)
    # Python ignores these two in itself, and what is ignored stays ignored across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execvp(argv[0], list(argv))


def main(arguments: Sequence[str]) -> None:
    """Read `PARENT_PID SIGNAL COMMAND…` and become the command; exit 127 if that cannot be."""
    parent, death_signal, *argv = arguments
    try:
        become(int(parent), int(death_signal), argv)
    except OSError as error:
        sys.stderr.write(f"cannot run {argv[0]}: {error.strerror}\n")
        raise SystemExit(127) from error


if __name__ == "__main__":
    main(sys.argv[1:])
