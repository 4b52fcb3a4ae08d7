"""Conversations that are read in the background: of every channel in turn, at a pace, each taken
by one worker, and left alone for a while where they cannot be read."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from gateway.clock import to_micros
from gateway.errors import Again, Never, NotFound
from gateway.store import Transaction
from gateway.sync.pace import Pace
from gateway.sync.pauses import Pauses
from gateway.sync.reading import DEADLINE_S, Reader, Reading
from gateway.wiring import Parts

Trouble = Again | Never | KeyError


class Taken(Protocol):
    """As much of a conversation that was taken as it takes to read it."""

    @property
    def channel(self) -> str: ...
    @property
    def external_id(self) -> str: ...
    @property
    def tries(self) -> int: ...


T = TypeVar("T", bound=Taken)


class Background(ABC, Generic[T]):
    """Reads what is due; what that is, and what a read comes to, its kinds say."""

    kind: str
    threads = 4

    def __init__(
        self, parts: Parts, reader: Reader, pauses: Pauses, pace: Pace | None = None
    ) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._pauses = pauses
        self._pace = pace

    def due(self, limit: int) -> Sequence[str]:
        """Conversations to read now."""
        room = limit if self._pace is None else min(limit, self._pace.room())
        return self._due(room) if room else ()

    def due_within(self, seconds: float) -> bool:
        """True if the pace alone holds it back; for all else the scheduler comes again."""
        paced = self._pace is not None and not self._pace.room()
        return paced and bool(self._due(1))

    def do(self, key: str) -> None:
        """Read one conversation and apply what it shows."""
        taken = self._database.write(lambda db: self._take(db, key))
        if taken is None:
            return
        if self._pace is not None:
            self._pace.begin()
        try:
            reading = self._reader.read(
                taken.channel, taken.external_id, DEADLINE_S, background=True
            )
        except NotFound:
            self._gone(taken)
            return
        except (Again, Never, KeyError) as trouble:
            wait = self._pauses.after(taken.channel, trouble, taken.tries)
            due_at = self._now() + int(wait.seconds * 1e6)
            self._put_off(taken, due_at, trouble, tried=wait.tried)
            return
        for kind in sorted(self._database.write(lambda db: self._keep(db, taken, reading))):
            self._parts.waker.wake(kind)

    def abandon(self, keys: Sequence[str]) -> None:
        """What is read again changes nothing."""

    @abstractmethod
    def _lanes(self, db: Transaction, limit: int) -> Sequence[Sequence[str]]:
        """Keys of what is due in each channel that may be asked, the most urgent first."""

    @abstractmethod
    def _take(self, db: Transaction, key: str) -> T | None:
        """Take one until its lease is over; None if somebody else has, or it was read."""

    @abstractmethod
    def _keep(self, db: Transaction, taken: T, reading: Reading) -> set[str]:
        """Apply what was read; return the kinds of work that are owed."""

    @abstractmethod
    def _gone(self, taken: T) -> None:
        """It is not in the channel any more."""

    @abstractmethod
    def _put_off(self, taken: T, due_at: int, trouble: Trouble, *, tried: bool) -> None:
        """It could not be read: again at `due_at` (µs); `tried`: that was a try."""

    def _due(self, limit: int) -> list[str]:
        with self._database.read() as db:
            lanes = self._lanes(db, limit)
        return list(_in_turns(lanes))[:limit]

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def _in_turns(lanes: Sequence[Sequence[str]]) -> Iterator[str]:
    """One of each lane, then the second of each, and so on."""
    for row in itertools.zip_longest(*lanes):
        yield from (key for key in row if key is not None)
