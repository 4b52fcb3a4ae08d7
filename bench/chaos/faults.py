"""What strikes: each fault has a way to begin it, a time to last, and a way to end it."""

from __future__ import annotations

import contextlib
import mmap
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.chaos.lines import Line
from intercom_standin.server import StandIn
from tests.crash.tree import ROLES
from tests.services.postgres import PostgresServer

_CLOCK_JUMPS_S = 60.0
_EVERY_S = 0.5
_FULL_S = 6.0
"""How long nothing can be kept. After a thousand errors in a row Intercom sends nothing for a
quarter of an hour, and the fault would be that one."""
_TRIES = 20
DISK_MB = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`strike` is called once, `again` twice a second while it lasts, `heal` at the end."""

    name: str
    seconds: float
    strike: Callable[[], object]
    again: Callable[[], object] = lambda: None
    heal: Callable[[], object] = lambda: None


@dataclass(slots=True, kw_only=True)
class Struck:
    """When a fault began and was over (seconds since 1970)."""

    name: str
    began: float
    ended: float = 0.0


class Clock:
    """By how much the gateway's clock is wrong, in a file that all its processes look at."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._seconds = mmap.mmap(file.fileno(), 8)
        # Since when it was wrong by how much.
        self.history: list[tuple[float, float]] = [(0.0, 0.0)]

    def jump(self, wrong_by: float) -> None:
        """Be wrong by so many seconds from now on."""
        self.history.append((time.time(), wrong_by))
        struct.pack_into("d", self._seconds, 0, wrong_by)

    def told(self, at: float) -> float:
        """What the gateway's clock said at a moment."""
        return at + [wrong for since, wrong in self.history if since <= at][-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Everything that can be struck."""

    pid: int
    folder: Path
    standin: StandIn
    clock: Clock
    lines: list[Line]
    database: PostgresServer | None
    # A file system of our own, where we may make one.
    disk: Path | None

    def faults(self) -> dict[str, Fault]:
        """All that can strike here, by name, in the order in which they do."""
        found = [
            Fault(name="kill", seconds=6, strike=lambda: self._kill("web"), again=self._kill_next),
            self._stopped("stop-workers", 30, "turns", "deliver", "sync"),
            self._stopped("stop-web", 30, "web", "scheduler"),
            self._stopped("stop-valkey", 30, "valkey"),
            Fault(name="redis", seconds=5, strike=self._empty_redis, again=self._empty_redis),
            Fault(name="cut", seconds=10, strike=self._cut, again=self._cut),
            Fault(name="delay", seconds=10, strike=lambda: self._delay(0.1),
                  heal=lambda: self._delay(0.0)),
            Fault(name="clock", seconds=15, strike=lambda: self.clock.jump(_CLOCK_JUMPS_S),
                  heal=lambda: self.clock.jump(0.0)),
            self._intercom("429", "rate_limited"),
            self._intercom("500", "server_error", "server_error_after"),
            self._intercom("nothing", "timeout_before", "timeout_after"),
            self._intercom("late", "slow"),
            Fault(name="agent", seconds=15, strike=lambda: self._agent(signal.SIGSTOP),
                  heal=lambda: self._agent(signal.SIGCONT)),
        ]  # fmt: skip
        if self.database is not None:
            found += [
                Fault(name="stop-postgres", seconds=30,
                      strike=lambda: self._database_gets(signal.SIGSTOP),
                      heal=lambda: self._database_gets(signal.SIGCONT)),
                Fault(name="postgres", seconds=3, strike=self.database.halt,
                      heal=self._resume_database),
            ]  # fmt: skip
        if self.disk is not None:
            found.append(
                Fault(
                    name="disk",
                    seconds=_FULL_S,
                    strike=self._fill,
                    again=self._fill,
                    heal=self._free,
                )
            )
        return {fault.name: fault for fault in found}

    def processes(self, role: str) -> list[psutil.Process]:
        """The processes of a role that live now."""
        return _under(psutil.Process(self.pid), ROLES[role])

    # -- what they do ------------------------------------------------------------------------------

    def _kill(self, role: str) -> None:
        for process in self.processes(role):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _kill_next(self) -> None:
        # One after another, and all over again.
        roles = list(ROLES)
        self._kill(roles[int(time.time() / _EVERY_S) % len(roles)])

    def _stopped(self, name: str, seconds: float, *roles: str) -> Fault:
        def all_get(number: signal.Signals) -> None:
            for role in roles:
                for process in self.processes(role):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.send_signal(number)

        return Fault(
            name=name, seconds=seconds,
            strike=lambda: all_get(signal.SIGSTOP), heal=lambda: all_get(signal.SIGCONT),
        )  # fmt: skip

    def _empty_redis(self) -> None:
        path = str(self.folder / "valkey.sock")
        once = Retry(NoBackoff(), 0)
        with (
            contextlib.suppress(redis.RedisError),
            contextlib.closing(
                redis.Redis(unix_socket_path=path, socket_timeout=1, retry=once)
            ) as client,
        ):
            client.flushall()

    def _cut(self) -> None:
        for line in self.lines:
            line.cut()

    def _delay(self, seconds: float) -> None:
        for line in self.lines:
            line.delay(seconds)

    def _intercom(self, name: str, *kinds: str) -> Fault:
        def strike() -> None:
            for kind in kinds:
                self.standin.faults.add(
                    kind, count=None, probability=0.5, seconds=0.0 if "error" in kind else 3.0
                )

        return Fault(name=name, seconds=12, strike=strike, heal=self.standin.faults.clear)

    def _agent(self, number: signal.Signals) -> None:
        for process in _under(psutil.Process(), "bench.agent"):
            process.send_signal(number)

    def _database_gets(self, number: signal.Signals) -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() == "postgres":
                    process.send_signal(number)

    def _resume_database(self) -> None:
        if self.database is not None and not self.database.running:
            self.database.resume()

    def _fill(self) -> None:
        """Make the disk as small as what lies on it: filling it would take a minute."""
        assert self.disk is not None
        for _ in range(_TRIES):  # it grows meanwhile
            if _resize(self.disk, f"{shutil.disk_usage(self.disk).used}"):
                return

    def _free(self) -> None:
        assert self.disk is not None
        _resize(self.disk, f"{DISK_MB}m")
        self._resume_database()  # whoever runs a server that stopped for want of room would


def _under(process: psutil.Process, words: str) -> list[psutil.Process]:
    found = []
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if words in " ".join(child.cmdline()):
                found.append(child)
    return found


def strike(fault: Fault) -> Struck:
    """Let a fault strike, last and end."""
    struck = Struck(name=fault.name, began=time.time())
    fault.strike()
    until = time.monotonic() + fault.seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(_EVERY_S, left))
        if left > _EVERY_S:
            fault.again()
    fault.heal()
    struck.ended = time.time()
    return struck


def _resize(disk: Path, size: str) -> bool:
    command = ["mount", "-o", f"remount,size={size}", str(disk)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def disk_of_our_own(folder: Path) -> Iterator[bool]:
    """Mount a file system that can be filled; False where we may not."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "gw-chaos", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    try:
        yield made.returncode == 0
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
