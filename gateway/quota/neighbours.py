"""Who delivers to the other web processes of this machine: they share its processors with us.

A page of memory, made by gunicorn before it forks, in which each web process says in a place of its
own who came to it last, and who came before that is somebody else. Nobody waits for anybody: who
reads what is just being written is mistaken about one delivery.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from hashlib import blake2b
from mmap import mmap
from struct import Struct
from typing import NamedTuple

_PLACES = 16
"""More web processes than a machine has any use for; of more, two share a place."""
# Twice: who (a digest), when (as `time.monotonic`, one clock for all), and how many were there.
_PLACE = Struct("=QdIQdI")
SIZE = _PLACES * _PLACE.size


class Came(NamedTuple):
    """Somebody's last delivery: when it came (`time.monotonic`), and how many were there then."""

    who: Hashable
    at: float
    there: int


class Neighbours:
    """What one process tells the others, and what it is told."""

    def __init__(self, memory: mmap | bytearray, number: int) -> None:
        """`number`: of the process; `memory`: `SIZE` bytes that all of them share, of zeros."""
        self._memory = memory
        self._at = number % _PLACES * _PLACE.size

    def tell(self, last: Came, before: Came) -> None:
        """Say who came last, and who before."""
        _PLACE.pack_into(
            self._memory, self._at,
            _digest(last.who), last.at, last.there, _digest(before.who), before.at, before.there,
        )  # fmt: skip

    def most(self, who: Hashable, since: float) -> int | None:
        """How many the busiest of the others had there; None if nobody else came since then."""
        ours, most = _digest(who), None
        for at in range(0, SIZE, _PLACE.size):
            if at == self._at:
                continue
            last, last_at, last_there, before, before_at, before_there = _PLACE.unpack_from(
                self._memory, at
            )
            if last_at > since and last != ours:
                most = max(most or 0, last_there)
            if before_at > since and before != ours:
                most = max(most or 0, before_there)
        return most


@lru_cache(maxsize=1_000)
def _digest(who: Hashable) -> int:
    return int.from_bytes(blake2b(repr(who).encode(), digest_size=8).digest())
