"""Looking at real processes: what is alive, and waiting for it to change."""

import time
from collections.abc import Callable

import psutil

# Generous: a loaded CI machine is slow, and a test that passes does not wait for it.
PATIENCE_S = 30.0


def is_alive(pid: int) -> bool:
    """Tell whether a process runs. One that has ended and was not reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], object], what: str, *, within_s: float = PATIENCE_S) -> None:
    """Wait for a condition; fail, saying what was waited for."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"waited {within_s:g} s in vain for: {what}"
        time.sleep(0.01)
