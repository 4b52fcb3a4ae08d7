"""The load generator: HTTP over keep-alive connections, as cheap as Python can do it.

One thread and `select`, requests rendered beforehand. It runs in a process of its own as seen from
the servers; `Run.busy` tells how much of a core it took, so that it can be seen not to be the
limit.
"""

from __future__ import annotations

import gc
import random
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

_PATIENCE_S = 30.0


@dataclass(slots=True)
class Run:
    """What a run of the generator saw."""

    seconds: float = 0.0
    # Answers by status.
    statuses: Counter[int] = field(default_factory=Counter)
    # Seconds from the moment a request was meant to be sent to its whole answer, of those with 200.
    latencies: list[float] = field(default_factory=list)
    # Requests taken from the front of what was given.
    taken: int = 0
    # When those with 200 were answered whole, in seconds since 1970, by their place in what was
    # given.
    answered_at: dict[int, float] = field(default_factory=dict)
    # The share of one core that the generator used.
    busy: float = 0.0

    @property
    def accepted(self) -> int:
        """How many were answered 200."""
        return self.statuses[200]

    @property
    def per_second(self) -> float:
        """Requests answered 200 in a second."""
        return self.accepted / self.seconds if self.seconds else 0.0


class Connection:
    """One keep-alive connection with at most one request on it."""

    __slots__ = ("_answer", "meant_at", "place", "socket")

    def __init__(self, address: tuple[str, int], source: tuple[str, int] | None = None) -> None:
        self.socket = socket.create_connection(address, _PATIENCE_S, source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.meant_at = 0.0
        self.place = 0
        self._answer = b""

    def fileno(self) -> int:
        """Return the descriptor, for `select`."""
        return self.socket.fileno()

    def send(self, request: bytes, meant_at: float) -> None:
        """Send a request that was meant to go out at `meant_at`."""
        self.meant_at = meant_at
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Read what has come; return the status once the answer is whole.

        Raises ConnectionError if the server hung up.
        """
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection with a request on it")
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end:
            return None
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        if at < 0:
            raise ConnectionError("an answer without a length")
        length = int(lowered[at + 15 :].split(b"\r\n", 1)[0])
        if len(body) < length:
            return None
        status = int(head[9:12])
        self._answer = b""
        return status

    def close(self) -> None:
        """Close it."""
        self.socket.close()


def closed_loop(
    address: tuple[str, int], requests: Iterator[bytes], *, connections: int, seconds: float
) -> Run:
    """Send the next request as soon as one is answered: how much the server can take."""
    run = Run()
    with connected(address, connections) as idle, _quiet(run):
        busy: list[Connection] = []
        ends = time.perf_counter() + seconds
        for connection in idle:
            _send_next(run, connection, requests, busy, time.perf_counter())
        while busy:
            for connection in select.select(busy, (), (), _PATIENCE_S)[0] or _stuck():
                if _receive(run, connection):
                    busy.remove(connection)
                    now = time.perf_counter()
                    if now < ends:
                        _send_next(run, connection, requests, busy, now)
    return run


def open_loop(
    address: tuple[str, int],
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    rate: float,
    seed: int = 0,
    standing: Sequence[Connection] | None = None,
) -> Run:
    """Send at random moments, `rate` in a second on average, whatever the server does.

    A request that finds no free connection waits for one; that wait is part of its latency, which
    is counted from the moment at which it was meant to be sent.
    `standing`: connections that are there already, and stay; else so many are opened.
    """
    run = Run()
    chance = random.Random(seed)
    opened = connected(address, connections) if standing is None else nullcontext(standing)
    with opened as free, _quiet(run):
        idle, busy = list(free), list[Connection]()
        waiting: deque[float] = deque()
        starts = time.perf_counter()
        following = starts + chance.expovariate(rate)
        exhausted = False
        while busy or waiting or not exhausted:
            now = time.perf_counter()
            while following <= now and not exhausted:
                waiting.append(following)
                following += chance.expovariate(rate)
                exhausted = following > starts + seconds
            while waiting and idle:
                connection = idle.pop()
                if not _send_next(run, connection, requests, busy, waiting.popleft()):
                    waiting.clear()
                    exhausted = True
            pause = _PATIENCE_S if exhausted else max(0.0, following - time.perf_counter())
            for connection in select.select(busy, (), (), pause)[0]:
                if _receive(run, connection):
                    busy.remove(connection)
                    idle.append(connection)
    return run


def _send_next(
    run: Run,
    connection: Connection,
    requests: Iterator[bytes],
    busy: list[Connection],
    meant_at: float,
) -> bool:
    request = next(requests, None)
    if request is None:
        return False
    connection.place = run.taken
    run.taken += 1
    connection.send(request, meant_at)
    busy.append(connection)
    return True


def _receive(run: Run, connection: Connection) -> bool:
    status = connection.receive()
    if status is None:
        return False
    run.statuses[status] += 1
    if status == 200:
        run.latencies.append(time.perf_counter() - connection.meant_at)
        run.answered_at[connection.place] = time.time()
    return True


def _stuck() -> list[Connection]:
    raise TimeoutError(f"no answer within {_PATIENCE_S:g} s")


@contextmanager
def connected(address: tuple[str, int], count: int) -> Iterator[list[Connection]]:
    """Give so many connections, which are closed in the end."""
    connections: list[Connection] = []
    try:
        for _ in range(count):
            # One by one: of a burst, gevent's accept loop takes all that it finds, so that one of
            # several web processes would do all the work.
            connections.append(Connection(address))
            time.sleep(0.005)
        yield connections
    finally:
        for connection in connections:
            connection.close()


@contextmanager
def _quiet(run: Run) -> Iterator[None]:
    """Measure the time and our own part in it, undisturbed by the garbage collector."""
    gc.collect()
    gc.disable()
    began, used = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        run.seconds = time.perf_counter() - began
        run.busy = (time.process_time() - used) / run.seconds
        gc.enable()
