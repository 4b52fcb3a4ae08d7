"""What the application did not read of a body: read in large pieces, and not for ever."""

from __future__ import annotations

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
