"""What is not read: of a body what the application did not want, of a crowd who has hung up."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gunicorn.http.errors import ChunkMissingTerminator, NoMoreData

from gateway import webworker

MIB = 1024 * 1024


class Body:
    """A body of so many bytes, which may end in an error, or never come."""

    def __init__(self, size: int, error: Exception | None = None, wait_s: float = 0.0) -> None:
        self.left = size
        self.reads = 0
        self._error = error
        self._wait_s = wait_s

    def read(self, size: int) -> bytes:
        self.reads += 1
        gevent.sleep(self._wait_s)
        if self._error is not None and not self.left:
            raise self._error
        taken = min(size, self.left)
        self.left -= taken
        return b"x" * taken


def test_a_rest_is_read_so_that_the_connection_goes_on() -> None:
    body = Body(10 * MIB)
    assert webworker._read_to_the_end(body)
    assert (body.left, body.reads < 100) == (0, True)
    assert webworker._read_to_the_end(Body(0))


def test_too_much_is_hung_up_upon() -> None:
    body = Body(100 * MIB)
    assert not webworker._read_to_the_end(body)
    assert body.left > 80 * MIB


@pytest.mark.parametrize("error", [NoMoreData(), ChunkMissingTerminator(b"x"), OSError()])
def test_so_is_what_is_not_as_announced(error: Exception) -> None:
    assert not webworker._read_to_the_end(Body(100, error))


def test_so_is_whoever_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webworker, "_UNREAD_S", 0.05)
    assert not webworker._read_to_the_end(Body(MIB, wait_s=10))


# -- connections -----------------------------------------------------------------------------------


class Leaving:
    """Waits for nobody, and says for how long it should have."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)


class Crowded:
    """An application that lets one network wait."""

    extensions = {"aside": {"192.0.2.1": 1.5}.get}


@pytest.fixture
def worker() -> webworker.Worker:
    worker = object.__new__(webworker.Worker)
    worker.wsgi, worker._put_aside, worker._asked_to_leave = Crowded(), 0, Leaving()
    return worker


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        caller = socket.create_connection(listener.getsockname())
        called, _ = listener.accept()
    with caller, called:
        yield caller, called


def test_of_a_crowd_who_has_hung_up_is_not_read(worker: Any, line: Any) -> None:
    caller, called = line
    caller.sendall(b"POST / HTTP/1.1\r\n")
    assert worker._is_worth_reading(called, ("192.0.2.1", 1))
    caller.close()
    assert not worker._is_worth_reading(called, ("192.0.2.1", 1))
    assert worker._asked_to_leave.waited == [1.5, 1.5]
    assert worker._put_aside == 0


def test_nobody_else_waits(worker: Any, line: Any) -> None:
    caller, called = line
    caller.close()  # which is for whoever reads to find out
    assert worker._is_worth_reading(called, ("192.0.2.2", 1))
    assert worker._is_worth_reading(called, "")  # a local socket
    worker._put_aside = webworker._MOST_ASIDE
    assert worker._is_worth_reading(called, ("192.0.2.1", 1))
    worker._put_aside, worker.wsgi = 0, object()
    assert worker._is_worth_reading(called, ("192.0.2.1", 1))
    assert worker._asked_to_leave.waited == []
