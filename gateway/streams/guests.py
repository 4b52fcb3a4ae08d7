"""Visitors' streams: each is told that there is news in its talk, and who types; nothing else.

What the news is, the visitor asks for at a door. So nothing that a customer may not see can come
this way, nothing can be lost on it, and a reader who is behind needs just one more word.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import select

from gateway.clock import Clock, to_micros
from gateway.errors import TooMany
from gateway.feed import Hint, Told
from gateway.reading.events import SEEN_BY_CUSTOMERS
from gateway.store import Database, Transaction
from gateway.store.models import Conversation
from gateway.streams.frames import NEWS, typing_frame
from gateway.streams.stream import Guest, Stream

log = structlog.get_logger(__name__)

MOST_STREAMS = 6
"""So many streams a visitor may have in one process: tabs, and those that have gone unnoticed."""
_MOST_KNOWN = 50_000
_AT_ONCE = 50

Whose = tuple[str, str]
"""A channel, and its name of a conversation."""
StillIn = Callable[[Transaction, Collection[Guest]], set[Guest]]
"""Those of these guests whom their token still lets in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Something for the stream of whoever a conversation belongs to."""

    conversation_id: str
    frame: bytes


class Guests:
    """The streams of one process by whose they are. Safe to share."""

    def __init__(self, database: Database, clock: Clock, still_in: StillIn | None = None) -> None:
        self._database = database
        self._clock = clock
        self._still_in = still_in or (lambda db, guests: set(guests))
        self._lock = threading.Lock()
        self._streams: dict[Whose, set[Stream]] = {}
        # A conversation never becomes somebody else's.
        self._known: OrderedDict[str, Whose] = OrderedDict()

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._streams.values()))

    def add(self, guest: Guest, stream: Stream) -> None:
        """Let a stream be told from now on; raise TooMany if its visitor has enough of them."""
        with self._lock:
            mine = self._streams.setdefault((guest.channel, guest.visitor), set())
            if len(mine) >= MOST_STREAMS:
                raise TooMany("this visitor has too many streams open", after_s=15.0)
            mine.add(stream)
        # Whatever happened before is asked for now.
        stream.missed = lambda: iter((NEWS,))

    def remove(self, guest: Guest, stream: Stream) -> None:
        """The reader has gone."""
        with self._lock:
            mine = self._streams.get((guest.channel, guest.visitor), set())
            mine.discard(stream)
            if not mine:
                self._streams.pop((guest.channel, guest.visitor), None)
        stream.end()

    def everybody(self) -> list[Stream]:
        """All streams that are open."""
        with self._lock:
            return [stream for streams in self._streams.values() for stream in streams]

    def tell(self, rows: Sequence[Told], hints: Iterable[Hint] = ()) -> None:
        """Tell whoever it is about of what was written, and of hints. Raises Unavailable."""
        if not self._streams:
            return
        words = dict.fromkeys(
            Word(conversation_id=row.conversation_id, frame=NEWS)
            for row in rows
            if row.conversation_id is not None and row.kind in SEEN_BY_CUSTOMERS
        )
        words |= dict.fromkeys(
            Word(
                conversation_id=hint.conversation,
                frame=NEWS if hint.kind == "look" else typing_frame(hint),
            )
            for hint in hints
            if hint.by != "customer" and hint.kind != "looking"
        )
        whose = self._whose({word.conversation_id for word in words})
        for word in words:
            self._put(whose.get(word.conversation_id), word.frame)

    def check(self, breathe: Callable[[], object]) -> None:
        """End the streams of those whom their token lets in no more. Raises Unavailable.

        `breathe` is called in between: there may be many.
        """
        everybody = self.everybody()
        now = to_micros(self._clock.now())
        guests = {stream.guest for stream in everybody if stream.guest is not None}
        asked = [guest for guest in guests if guest.until > now]
        good: set[Guest] = set()
        for place in range(0, len(asked), _AT_ONCE):
            with self._database.read() as db:
                good |= self._still_in(db, asked[place : place + _AT_ONCE])
            breathe()
        for stream in everybody:
            if stream.guest is not None and stream.guest not in good:
                self.remove(stream.guest, stream)

    def _put(self, whose: Whose | None, frame: bytes) -> None:
        with self._lock:
            readers = list(self._streams.get(whose, ())) if whose else []
        for stream in readers:
            if not stream.put(frame, once=frame is NEWS) and stream.guest is not None:
                log.info("stream_dropped", place=None)
                self.remove(stream.guest, stream)

    def _whose(self, conversation_ids: Collection[str]) -> dict[str, Whose]:
        unknown = sorted(id for id in conversation_ids if id not in self._known)
        if unknown:
            with self._database.read() as db:
                rows = db.execute(
                    select(Conversation.id, Conversation.channel, Conversation.external_id).where(
                        Conversation.id.in_(unknown)
                    )
                ).all()
            for row in rows:
                self._known[row[0]] = (row[1], row[2])
        found = {id: self._known[id] for id in conversation_ids if id in self._known}
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return found
