"""Real processes: what is alive, waiting for it to change, and a port that is free for one."""

import socket
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


def free_port() -> int:
    """A port of this machine on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
