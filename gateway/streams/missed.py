"""What those who come back have missed: read and put into words once for all of them.

After a restart thousands come back within seconds, and most of them missed the same. The rows of
the journal that lately passed by are kept here, with the frames that were made of them for a short
while; whoever comes back from an older place has the rows in between fetched once for everybody.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from gateway import feed
from gateway.feed import Told
from gateway.reading.events import Wording, event_id, put_into_words
from gateway.store import Database, Transaction
from gateway.streams.frames import event_frame, reset_frame
from gateway.streams.stream import Wanted

MOST_ROWS = 10_000
"""So many rows are kept: about a minute of a busy gateway. Who missed more reads alone."""

FRAMES_KEPT_S = 60.0
"""A frame is the record of its moment; whatever the record was told to forget is gone after that.
Words that were changed or taken away are gone at once."""

_MOST_BYTES = 16 * 2**20
_PIECE_BYTES = 64 * 2**10
_AT_ONCE = 200
_UPDATED = ".updated"


class Missed:
    """The rows up to some place, without a gap. Safe to share."""

    def __init__(
        self,
        database: Database,
        wording: Wording,
        *,
        most_rows: int = MOST_ROWS,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._wording = wording
        self._most_rows = most_rows
        self._timer = timer
        self._lock = threading.Lock()
        # Who holds it reads the record; the others wait, and find what it has read.
        self._reading = threading.Lock()
        self._rows: list[Told] = []
        self._by_session: dict[str | None, list[Told]] = {}
        # Every row after this place is among them.
        self._from = 0
        # By place: when it was put into words, and the words. And the places of each message.
        self._frames: dict[int, tuple[float, bytes]] = {}
        self._places: dict[str | None, list[int]] = {}
        self._bytes = 0

    def begin_at(self, place: int) -> None:
        """Forget everything: what comes is what happens after this place."""
        with self._lock:
            self._rows, self._by_session = [], {}
            self._from = place
            self._forget_frames()

    def add(self, rows: Sequence[Told]) -> None:
        """Keep the next rows of the journal; those that are here already change nothing."""
        with self._lock:
            newest = self._newest()
            new = [row for row in rows if row.place > newest]
            self._rows.extend(new)
            for row in new:
                self._forget_words(row)
                self._by_session.setdefault(row.session_id, []).append(row)
            if len(self._rows) > 2 * self._most_rows:
                self._from = self._rows[-self._most_rows - 1].place
                self._index(self._rows[-self._most_rows :])

    def show(self, rows: Sequence[Told]) -> list[bytes]:
        """The frame of each row; empty where the record knows no more of it. Raises Unavailable."""
        found = self._known(rows)
        if len(found) < len(rows):
            with self._reading:
                found = self._known(rows)
                wanting = [row for row in rows if row.place not in found]
                if wanting:
                    found |= self._read(wanting)
        return [found[row.place] for row in rows]

    def frames(self, wanted: Wanted, after: int, until: int) -> Iterator[bytes]:
        """What happened after one place, up to another; `reset` if the journal forgot it.

        Raises Unavailable.
        """
        rows = self._kept(wanted, after, until)
        if rows is None:
            with self._reading:
                rows = self._kept(wanted, after, until)
                known = rows is not None or self._fetch(after, until)
            # Whoever is told something may take their time: nobody else waits for that.
            if not known:
                yield reset_frame(until)
                return
            rows = self._kept(wanted, after, until)
        if rows is None:
            yield from self._far_back(wanted, after, until)
            return
        for begin in range(0, len(rows), _AT_ONCE):
            yield from in_pieces(self.show(rows[begin : begin + _AT_ONCE]))

    # -- rows ----------------------------------------------------------------------------------

    def _kept(self, wanted: Wanted, after: int, until: int) -> list[Told] | None:
        """The wanted rows after one place, up to another; None if not all of them are here."""
        with self._lock:
            if not self._from <= after <= until:
                return None
            session = wanted.session_id
            rows = self._rows if session is None else self._by_session.get(session, [])
            begin = bisect_right(rows, after, key=_place)
            end = bisect_right(rows, until, key=_place)
            return [row for row in rows[begin:end] if wanted.holds_kind(row.kind)]

    def _fetch(self, after: int, until: int) -> bool:
        """Get the rows between a place and the first that is here, unless they are too many.

        False if the journal does not know that place, or not any more.
        """
        head = feed.head(self._database)
        if not head.forgotten <= after <= max(head.last, until):
            return False
        with self._lock:
            first, room = self._from, self._most_rows - len(self._rows)
        if 0 < first - after <= room:  # places are given without great gaps
            with self._database.read() as db:
                older = feed.read_before(db, after, first + 1, room + 1)
            with self._lock:
                if self._from == first and len(older) <= room:
                    self._from = after
                    self._index([*older, *self._rows])
        return True

    def _far_back(self, wanted: Wanted, after: int, until: int) -> Iterator[bytes]:
        while after < until:
            with self._database.read() as db:
                rows = feed.read_before(
                    db, after, until + 1, _AT_ONCE,
                    session_id=wanted.session_id, kinds=wanted.kinds,
                )  # fmt: skip
                told = self._worded(db, rows)
            yield from in_pieces(told)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].place

    def _newest(self) -> int:
        """The place of the last row that is here; called with the lock."""
        return self._rows[-1].place if self._rows else self._from

    def _index(self, rows: list[Told]) -> None:
        self._rows, self._by_session = rows, {}
        for row in rows:
            self._by_session.setdefault(row.session_id, []).append(row)
        self._forget_frames()

    # -- frames --------------------------------------------------------------------------------

    def _known(self, rows: Sequence[Told]) -> dict[int, bytes]:
        since = self._timer() - FRAMES_KEPT_S
        with self._lock:
            found = ((row.place, self._frames.get(row.place)) for row in rows)
            return {place: one[1] for place, one in found if one is not None and one[0] >= since}

    def _read(self, rows: Sequence[Told]) -> dict[int, bytes]:
        """Put rows into words, and keep them unless their words were changed meanwhile."""
        now = self._timer()
        with self._lock:
            newest = self._newest()
        with self._database.read() as db:
            frames = {
                row.place: frame for row, frame in zip(rows, self._worded(db, rows), strict=True)
            }
        with self._lock:
            if self._bytes > _MOST_BYTES:
                self._forget_frames()
            since = self._rows[bisect_right(self._rows, newest, key=_place) :]
            changed = {row.message_id for row in since if row.kind.endswith(_UPDATED)}
            erased = any(map(_tells_of_an_erasure, since))
            for row in rows:
                if not erased and (row.message_id is None or row.message_id not in changed):
                    self._frames[row.place] = (now, frames[row.place])
                    self._bytes += len(frames[row.place])
                    self._places.setdefault(row.message_id, []).append(row.place)
        return frames

    def _worded(self, db: Transaction, rows: Sequence[Told]) -> list[bytes]:
        events = put_into_words(db, [(event_id(row.id, row), row) for row in rows], self._wording)
        return [
            b"" if event is None else event_frame(row.place, event)
            for row, event in zip(rows, events, strict=True)
        ]

    def _forget_words(self, new: Told) -> None:
        """Words that were changed or taken away are not shown again as they were."""
        if new.message_id is not None and new.kind.endswith(_UPDATED):
            for place in self._places.pop(new.message_id, ()):
                self._frames.pop(place, None)
        elif _tells_of_an_erasure(new):  # their name is in what was told of their sessions, too
            self._forget_frames()

    def _forget_frames(self) -> None:
        self._frames.clear()
        self._places.clear()
        self._bytes = 0


def in_pieces(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Join frames to pieces that are worth sending by themselves."""
    piece = bytearray()
    for frame in frames:
        piece += frame
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _tells_of_an_erasure(row: Told) -> bool:
    return row.kind == "contact.updated" and (row.data or {}).get("kind") == "erased"


def _place(row: Told) -> int:
    return row.place
