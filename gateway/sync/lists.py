"""Lists that a channel gives page by page: of what changed, and of its past.

As little as can be of a walk through one is held in a process: killed anywhere, it goes on with the
page that it had not taken in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from gateway.channels.base import Sender
from gateway.clock import to_micros
from gateway.errors import Again, Never
from gateway.store import Transaction
from gateway.sync.pauses import LEASE_US, Pauses
from gateway.sync.reading import Reader
from gateway.wiring import Parts


class Walk(Protocol):
    """As much of a walk that was taken as it takes to go a step on."""

    @property
    def id(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def listed_at(self) -> int | None: ...


W = TypeVar("W", bound=Walk)
Taken = TypeVar("Taken", covariant=True)
A = TypeVar("A")


class Book(Protocol[Taken]):
    """Where walks are recorded."""

    def take(self, db: Transaction, id: str, now: int, lease_us: int) -> Taken | None: ...
    def waits(self, db: Transaction, id: str, due_at: int, trouble: str | None) -> None: ...
    def end(self, db: Transaction, id: str, now: int) -> bool: ...


class Lists(ABC, Generic[W, A]):
    """Takes each walk a step on: asks for a page, keeps it, ends a walk that has read all."""

    kind: str
    threads: int

    def __init__(self, parts: Parts, reader: Reader, pauses: Pauses, book: Book[W]) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._pauses = pauses
        self._book = book

    def due_within(self, seconds: float) -> bool:
        """Nobody waits for a list: the scheduler comes again."""
        return False

    def do(self, key: str) -> None:
        """Go one step on with one."""
        walk = self._database.write(lambda db: self._book.take(db, key, self._now(), LEASE_US))
        if walk is None:
            return
        if walk.listed_at is not None:
            self._end(walk)
            return
        try:
            answer = self._ask(self._reader.sender(walk.channel), walk)
        except (Again, Never, KeyError) as trouble:
            self._wait(walk, trouble)
        else:
            self._keep(walk, answer)

    def abandon(self, keys: Sequence[str]) -> None:
        """A page that is not taken in is walked again."""

    @abstractmethod
    def _ask(self, sender: Sender, walk: W) -> A:
        """Ask the channel for what comes next; raises what a sender does."""

    @abstractmethod
    def _keep(self, walk: W, answer: A) -> None:
        """Record it."""

    @abstractmethod
    def _tell_wait(self, walk: W, why: str, seconds: float) -> None:
        """Tell the log that it cannot go on."""

    @abstractmethod
    def _tell_end(self, walk: W) -> None:
        """Tell the log that it is over."""

    def _wait(self, walk: W, trouble: Again | Never | KeyError) -> None:
        why, seconds = self._pauses.after_page(walk.channel, trouble)
        self._tell_wait(walk, why, seconds)
        until = self._now() + int(seconds * 1e6)
        self._database.write(lambda db: self._book.waits(db, walk.id, until, why))

    def _end(self, walk: W) -> None:
        now = self._now()
        if self._database.write(lambda db: self._book.end(db, walk.id, now)):
            self._tell_end(walk)
        else:
            self._database.write(lambda db: self._book.waits(db, walk.id, now, None))

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())
