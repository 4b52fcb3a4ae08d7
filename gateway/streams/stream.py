"""One stream: what it wants, what waits to be written to it, and its end."""

from __future__ import annotations

import random
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from gateway.streams.frames import beat_frame, opening_frame

MOST_WAITING = 256
"""So many events may wait for a reader. One that is slower is dropped, and comes back."""

BEAT_S = 15.0
RETRY_MS = (1_000, 5_000)
"""When a reader is to come back after a break: at random, so that not all come at once."""


class Row(Protocol):
    """As much of a row of the journal as decides who wants it."""

    @property
    def kind(self) -> str: ...
    @property
    def session_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events: of one session only, or of some types only."""

    session_id: str | None = None
    kinds: frozenset[str] = frozenset()

    def holds(self, row: Row) -> bool:
        """True if such an event is wanted."""
        return (self.session_id is None or row.session_id == self.session_id) and (
            self.holds_kind(row.kind)
        )

    def holds_kind(self, kind: str) -> bool:
        """True if events of this kind are wanted."""
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A visitor of a channel who looks on, let in by a token of a `generation` up to `until` (µs).

    Their conversation bears their name.
    """

    channel: str
    visitor: str
    generation: int
    until: int


class Stream:
    """What one reader is shown; iterating over it gives bytes, and waits in between.

    `let_in_by` is what lets the reader in (a token, a sign-in), unless it is a `guest`, who is told
    no places of the journal; `hang_up` ends a connection that takes nothing more.
    """

    def __init__(
        self,
        wanted: Wanted,
        *,
        let_in_by: str | None = None,
        guest: Guest | None = None,
        hang_up: Callable[[], object] | None = None,
        beat_s: float = BEAT_S,
    ) -> None:
        self.wanted = wanted
        self.let_in_by = let_in_by
        self.guest = guest
        self.dropped = False
        # What comes before the queue: set by whoever opens it.
        self.begins_at = 0
        self.missed: Callable[[], Iterator[bytes]] | None = None
        self.settled: Callable[[], int] = lambda: 0
        self._beat_s = beat_s
        self._hang_up = hang_up
        self._queue: deque[bytes] = deque()
        self._ready = threading.Event()
        self._closed = False

    def put(self, frame: bytes, *, once: bool = False) -> bool:
        """Let a frame be written; False if too many wait already: then the stream ends.

        `once`: if it waits already, that is enough.
        """
        if once and frame in tuple(self._queue):
            return True
        if len(self._queue) >= MOST_WAITING:
            self.dropped = True
            self.end()
            if self._hang_up is not None:
                self._hang_up()  # its writer may be stuck for as long as nobody reads
            return False
        self._queue.append(frame)
        self._ready.set()
        return True

    def end(self) -> None:
        """End it: nothing more is written, and the reader may come back."""
        self._closed = True
        self._queue.clear()
        self._ready.set()

    def __iter__(self) -> Iterator[bytes]:
        """Everything to be written, until it ends."""
        retry_ms = random.randint(*RETRY_MS)
        yield opening_frame(None if self.guest else self.begins_at, retry_ms)
        if self.missed is not None:
            yield from self.missed()
        while True:
            self._ready.clear()
            # Everything up to here has been put already: if nothing waits, it has been written.
            place = self.settled()
            frames = self._take()
            if frames:
                yield b"".join(frames)
            elif self._closed:
                return
            elif not self._ready.wait(self._beat_s):
                yield beat_frame(None if self.guest else place)

    def _take(self) -> list[bytes]:
        taken = []
        with suppress(IndexError):  # ended meanwhile
            while self._queue:
                taken.append(self._queue.popleft())
        return taken


class Followed:
    """A visitor's stream, with its end."""

    def __init__(self, stream: Stream, close: Callable[[Stream], object]) -> None:
        self._stream = stream
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        """What is written to the reader."""
        return iter(self._stream)

    def close(self) -> None:
        """The reader has gone."""
        self._close(self._stream)


def hanging_up(sock: socket.socket | None) -> Callable[[], None] | None:
    """What ends a connection at once, whoever is writing to it."""
    if sock is None:
        return None

    def hang_up() -> None:
        with suppress(OSError):  # it is closed already
            sock.shutdown(socket.SHUT_RDWR)

    return hang_up
