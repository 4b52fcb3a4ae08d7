"""The processes of a gateway as a company runs them: a role each, a balancer, a service manager."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import IO

import psutil
import redis
import requests
from rq import Worker

from bench.chaos.proxy import Proxy
from bench.servers import Ground, Service, cpu_of_tree, python
from tests.services.processes import free_port

_STARTS_WITHIN_S = 90.0
_STARTED_AGAIN_AFTER_S = 1.0
_LOOKS_EVERY_S = 0.25
# Times in a row that a web process does not answer before it is sent nothing more.
_SILENT = 3


class Member:
    """One process, as its service manager knows it: `role` is web, scheduler or a worker's kind."""

    def __init__(self, name: str, role: str, drain_s: int) -> None:
        self.name = name
        self.role = role
        self.port = free_port() if role == "web" else 0
        self.service: Service | None = None
        self.died_at = 0.0
        self._drain_s = drain_s

    @property
    def command(self) -> list[str]:
        """What an operator would write."""
        if self.role == "web":
            options = ("--port", str(self.port), "--drain", str(self._drain_s))
            return python("-m", "gateway", "web", *options)
        if self.role == "scheduler":
            return python("-m", "gateway", "scheduler")
        return python("-m", "gateway", "worker", "--only", self.role)


class Company:
    """All of them. `environ` is that of whoever is started from now on."""

    def __init__(self, place: Ground, roles: Sequence[str], log: IO[bytes], drain_s: int) -> None:
        self._place = place
        self._log = log
        self.environ = place.environment() | {"WEB_CONCURRENCY": "1"}
        numbers = [roles[:at].count(role) + 1 for at, role in enumerate(roles)]
        self.members = [
            Member(f"{role} {number}", role, drain_s)
            for role, number in zip(roles, numbers, strict=True)
        ]

    def of(self, *roles: str) -> list[Member]:
        """Those of some roles."""
        return [one for one in self.members if one.role in roles]

    def start(self, *members: Member) -> float:
        """Start some (all) and wait until each is there; return how long that took."""
        began = time.monotonic()
        for one in members or self.members:
            one.service = Service(one.command, self.environ, stdout=self._log, stderr=self._log)
        self.wait_for(members or self.members)
        return time.monotonic() - began

    def stop(self, member: Member) -> tuple[float, int]:
        """Ask one for the end (SIGTERM); return how long it took, and its exit status."""
        assert member.service is not None
        began = time.monotonic()
        status = member.service.stop()
        member.service = None
        return time.monotonic() - began, status

    def close(self) -> None:
        """End whatever runs."""
        for one in self.members:
            if one.service is not None:
                one.service.kill()

    def kill(self, members: Sequence[Member]) -> None:
        """SIGKILL to all of them at once."""
        for one in members:
            assert one.service is not None
            psutil.Process(one.service.pid).kill()

    def tend(self) -> None:
        """Start again what has died, a second later, as a service manager does."""
        for one in self.members:
            if one.service is None or not one.service.ended:
                continue
            if not one.died_at:
                one.died_at = time.monotonic()
            elif time.monotonic() - one.died_at >= _STARTED_AGAIN_AFTER_S:
                one.died_at = 0.0
                one.service = Service(one.command, self.environ, stdout=self._log, stderr=self._log)

    def wait_for(self, members: Sequence[Member]) -> None:
        """Wait until each does its work, starting again what dies. Raises RuntimeError."""
        until = time.monotonic() + _STARTS_WITHIN_S
        while missing := [one.name for one in members if not self._is_there(one)]:
            if time.monotonic() > until:
                raise RuntimeError(f"not there: {', '.join(missing)}")
            self.tend()
            time.sleep(0.1)

    def cpu(self, *roles: str) -> float:
        """Return the seconds of CPU that the processes of some roles have used."""
        return sum(
            sum(cpu_of_tree(one.service.pid).values())
            for one in self.of(*roles)
            if one.service is not None
        )

    def memory(self, role: str) -> list[float]:
        """Return the resident memory in MiB of each member of a role, its children with it."""
        found = []
        for one in self.of(role):
            assert one.service is not None
            first = psutil.Process(one.service.pid)
            tree = (first, *first.children(recursive=True))
            found.append(sum(process.memory_info().rss for process in tree) / 2**20)
        return found

    def _is_there(self, member: Member) -> bool:
        if member.service is None or member.service.ended:
            return False
        if member.role == "web":
            return readiness(member.port) == 200
        if member.role == "scheduler":  # nobody is told, but it asks the database all the time
            return _has_connections(member.service.pid)
        with redis.Redis.from_url(self._place.redis_url) as connection:
            return member.service.pid in {one.pid for one in Worker.all(connection=connection)}


def _has_connections(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).net_connections("unix"))
    except psutil.NoSuchProcess:
        return False


@contextmanager
def company(place: Ground, roles: Sequence[str], *, drain_s: int = 0) -> Iterator[Company]:
    """Give one that runs; everything has ended afterwards."""
    with ExitStack() as stack:
        log = stack.enter_context((place.folder / "log").open("ab"))
        made = Company(place, roles, log, drain_s)
        stack.callback(made.close)
        made.start()
        yield made


def readiness(port: int) -> int | None:
    """The status of a web process's `/readyz`: 0 if nobody is there, None if there is no answer."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code
    except requests.ConnectionError:
        return 0
    except requests.RequestException:
        return None


class Balancer:
    """Sends each connection to the next web process that says it is ready, and tries no other.

    That is the plainest that companies have: where it meets a process that has gone, a caller sees
    an error.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._in_turn: list[int] = []
        self._given = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Give the line on which everybody calls."""
        self._thread.start()
        try:
            with closing(Proxy(self._next)) as line:
                yield line
        finally:
            self._over.set()
            self._thread.join()

    def wait_for(self, ports: Sequence[int]) -> None:
        """Wait until these are sent requests."""
        while not set(ports) <= set(self._in_turn):
            time.sleep(_LOOKS_EVERY_S / 2)

    def _look(self) -> None:
        silent: Counter[int] = Counter()
        while True:
            said = {port: readiness(port) for port in self._ports}
            for port, status in said.items():
                silent[port] = silent[port] + 1 if status is None else 0
            self._in_turn = [
                port
                for port, status in said.items()
                if status == 200
                # Busy, or gone: that shows itself when it is asked again.
                or (status is None and silent[port] < _SILENT and port in self._in_turn)
            ]
            if self._over.wait(_LOOKS_EVERY_S):
                return

    def _next(self) -> tuple[str, int]:
        ready = self._in_turn
        if not ready:
            raise ConnectionRefusedError("no web process is ready")
        self._given += 1
        return "127.0.0.1", ready[self._given % len(ready)]
