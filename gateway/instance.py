"""One `gateway up` per data folder, and how other commands find the one that is running."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError

LOCK_NAME = "up.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningUp:
    """What a running `gateway up` tells about itself."""

    pid: int
    # Address of the Redis or Valkey that it uses.
    redis_url: str


class Instance:
    """The right to run in a data folder; the kernel takes it back when the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, redis_url: str) -> None:
        """Tell other commands on this machine where our Redis is."""
        _write(self._descriptor, f"{os.getpid()}\n{redis_url}\n")


@contextmanager
def only_instance(data_dir: Path) -> Iterator[Instance]:
    """Hold the data folder. Raises ConfigError if another `gateway up` does, and names it."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Close-on-exec, as Python has it: children must not keep the lock when we are gone.
    descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lines = _lines(descriptor)
            holder = f" (process {lines[0]})" if lines else ""
            raise ConfigError(
                [
                    f"GATEWAY_DATA_DIR: another gateway is running on {data_dir}{holder}; "
                    "stop it, or name another folder"
                ]
            ) from None
        _write(descriptor, f"{os.getpid()}\n")
        yield Instance(descriptor)
        _write(descriptor, "")
    finally:
        os.close(descriptor)


def find_running(data_dir: Path) -> RunningUp | None:
    """Return what the `gateway up` that holds this data folder tells, or None."""
    try:
        descriptor = os.open(data_dir / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        lines = _lines(descriptor)
        return RunningUp(pid=int(lines[0]), redis_url=lines[1]) if len(lines) == 2 else None
    finally:
        os.close(descriptor)
    return None


def _lines(descriptor: int) -> list[str]:
    return os.pread(descriptor, 4096, 0).decode().splitlines()


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
