"""The hub: reads the journal once for a whole process, and shows each stream what it wants.

It runs while somebody looks on: one thread that reads when the bell rings (or, since a ring may be
lost, after a while), and one that hears the rings of other processes through Redis. No stream holds
a connection to the database.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from gateway import feed
from gateway.clock import Clock, SystemClock, to_micros
from gateway.errors import GatewayError, Unavailable
from gateway.feed import Bell, Head, Hint, Hints, Told
from gateway.people import operators, signins
from gateway.reading.events import Wording
from gateway.store import Database
from gateway.streams.ear import Ear
from gateway.streams.frames import hint_frame
from gateway.streams.guests import Guests, StillIn
from gateway.streams.missed import Missed
from gateway.streams.stream import Followed, Guest, Stream, Wanted

log = structlog.get_logger(__name__)

POLL_S = 1.0
POLL_WITH_REDIS_S = 5.0
CHECK_TOKENS_S = 20.0
_AT_ONCE = 200
_TOKENS_AT_ONCE = 50
"""So many are asked for before others have their turn: no event waits for all of them."""
_BREATHER = 16
_BREATH_S = 0.0005
"""Whoever tells many pauses so often and for so long: webhooks are served beside it.

Not for nothing: under gevent a pause of no length ends before it is seen what has arrived, and a
webhook, which waits for the network, the database and Redis in turn, would each time wait for 5 ms
of telling.
"""
_AFTER_TROUBLE_S = 1.0
_MOST_HINTS = 1_000


class Hub:
    """The streams of one process. Safe to share; nothing runs before the first one opens."""

    def __init__(
        self,
        database: Database,
        wording: Wording,
        bell: Bell,
        redis_url: str | None = None,
        *,
        hints: Hints | None = None,
        still_in: StillIn | None = None,
        clock: Clock | None = None,
        check_tokens_s: float = CHECK_TOKENS_S,
    ) -> None:
        self._database = database
        self._check_tokens_s = check_tokens_s
        self._lock = threading.Lock()
        # By the session that they want, None for all sessions.
        self._streams: dict[str | None, set[Stream]] = {}
        self._guests = Guests(database, clock or SystemClock(), still_in)
        self._news = threading.Event()
        hints = hints or Hints()
        self._hints: deque[Hint] = deque(maxlen=_MOST_HINTS)
        self._ear = Ear(redis_url, self._news, hints, bell.name) if redis_url else None
        self._running = False
        self._over = False
        # The place up to which new streams are not shown anything by the reader, and the one up to
        # which everything has reached the queues.
        self._cursor = 0
        self._settled = 0
        self._missed = Missed(database, wording)
        bell.listen(self._news.set)
        hints.listen(self._hear)

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._streams.values())) + len(self._guests)

    def open(self, stream: Stream, after: int | None = None) -> None:
        """Show a stream what happens from now on; with `after`, also what happened since then.

        Raises Unavailable, and TooMany for a guest who has enough. Whoever opens it closes it.
        """
        if self._over:
            raise Unavailable("this process leaves")
        if stream.guest is not None:
            self._guests.add(stream.guest, stream)
        head: Head | None = None
        while True:
            if not self._running:
                head = feed.head(self._database)
            with self._lock:
                if self._running or head is not None:
                    if not self._running and head is not None:
                        self._start(head)
                    if stream.guest is not None:
                        return
                    self._streams.setdefault(stream.wanted.session_id, set()).add(stream)
                    joined = self._cursor
                    break
        stream.begins_at = joined if after is None else max(0, after)
        stream.settled = lambda: self._settled
        if after is not None and after != joined:
            stream.missed = lambda: self._missed.frames(stream.wanted, after, joined)

    def follow(self, guest: Guest, hang_up: Callable[[], object] | None = None) -> Followed:
        """Open a stream for a visitor. Raises Unavailable and TooMany; whoever has it closes it."""
        stream = Stream(Wanted(), guest=guest, hang_up=hang_up)
        self.open(stream)
        return Followed(stream, self.close)

    def close(self, stream: Stream) -> None:
        """The reader has gone."""
        if stream.guest is not None:
            self._guests.remove(stream.guest, stream)
        with self._lock:
            mine = self._streams.get(stream.wanted.session_id, set())
            mine.discard(stream)
            if not mine:
                self._streams.pop(stream.wanted.session_id, None)
            last = not self._streams
        stream.end()
        if last:
            self._news.set()  # with the last stream the reader goes, too

    def end_all(self) -> None:
        """End every stream, and open none any more: this process leaves, others go on."""
        self._over = True
        with self._lock:
            left = [stream for streams in self._streams.values() for stream in streams]
        for stream in (*left, *self._guests.everybody()):
            self.close(stream)

    # -- the reader ----------------------------------------------------------------------------

    def _start(self, head: Head) -> None:
        """Start reading from there on; called with the lock."""
        self._running = True
        self._cursor = self._settled = head.last
        self._missed.begin_at(head.last)
        threading.Thread(target=self._run, name="streams", daemon=True).start()
        if self._ear is not None:
            self._ear.start()

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:
            log.error("streams_broke", error=type(error).__name__, exc_info=error)
            # Nobody is left waiting for what nobody reads: they come back, and it starts anew.
            with self._lock:
                left, self._streams = self._streams, {}
                self._running = False
                self._rest()
            for streams in (*left.values(), self._guests.everybody()):
                for stream in streams:
                    self.close(stream)

    def _follow(self) -> None:
        check_at = time.monotonic() + self._check_tokens_s
        while self._goes_on():
            hears = self._ear is not None and self._ear.hears
            self._news.wait(POLL_WITH_REDIS_S if hears else POLL_S)
            try:
                self._show_news()
                if time.monotonic() >= check_at:
                    check_at = time.monotonic() + self._check_tokens_s
                    self._check_tokens()
                    self._guests.check(self._breathe)
            except GatewayError as trouble:
                log.warning("streams_wait", error=trouble.message)
                time.sleep(_AFTER_TROUBLE_S)

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._streams and not len(self._guests):
                self._running = False
                self._rest()
            return self._running

    def _rest(self) -> None:
        if self._ear is not None:
            self._ear.stop()

    def _show_news(self) -> None:
        self._news.clear()
        while self._read():
            pass
        self._pass_hints_on()

    def _breathe(self) -> None:
        """Within what takes long: let others have their turn, and show what happened meanwhile."""
        time.sleep(_BREATH_S)
        if self._news.is_set():
            self._show_news()

    def _read(self) -> bool:
        """Show what happened since; True if there may be more."""
        rows = feed.read(self._database, self._cursor, _AT_ONCE)
        if not rows:
            return False
        self._guests.tell(rows)
        self._missed.add(rows)
        with self._lock:
            sessions = {row.session_id for row in rows}
            if None not in self._streams and sessions.isdisjoint(self._streams):
                # Nobody is here for these: they are put into words when somebody comes for them.
                self._cursor = self._settled = rows[-1].place
                return len(rows) == _AT_ONCE
        for row, frame in zip(rows, self._missed.show(rows), strict=True):
            self._distribute(row, frame)
        return len(rows) == _AT_ONCE

    def _distribute(self, row: Told, frame: bytes) -> None:
        with self._lock:
            self._cursor = row.place
            readers = [
                stream
                for session_id in {None, row.session_id}
                for stream in self._streams.get(session_id, ())
                if stream.wanted.holds(row)
            ]
        if frame:
            self._tell(readers, frame, row.place)
        self._settled = row.place

    def _tell(self, readers: list[Stream], frame: bytes, place: int | None) -> None:
        for number, stream in enumerate(readers, 1):
            if not stream.put(frame):
                log.info("stream_dropped", place=place)
                self.close(stream)
            if number % _BREATHER == 0:
                time.sleep(_BREATH_S)

    # -- hints ---------------------------------------------------------------------------------

    def _hear(self, hint: Hint) -> None:
        if self._running:
            self._hints.append(hint)
            self._news.set()

    def _pass_hints_on(self) -> None:
        hints: list[Hint] = []
        while self._hints:
            hints.append(self._hints.popleft())
        self._guests.tell((), hints)
        for hint in hints:
            if hint.kind in ("typing", "looking") and hint.by != "ai":
                self._show_hint(hint)

    def _show_hint(self, hint: Hint) -> None:
        kind = f"session.{hint.kind}"
        with self._lock:
            readers = [
                stream
                for session_id in (None, hint.session)
                for stream in self._streams.get(session_id, ())
                if stream.wanted.holds_kind(kind)
            ]
        self._tell(readers, hint_frame(hint), None)

    # -- who may stay --------------------------------------------------------------------------

    def _check_tokens(self) -> None:
        """End the streams of those whom their token or sign-in lets in no more."""
        with self._lock:
            everybody = [stream for streams in self._streams.values() for stream in streams]
        asked = sorted({stream.let_in_by for stream in everybody if stream.let_in_by})
        good: set[str] = set()
        now = to_micros(self._database.clock.now())
        for place in range(0, len(asked), _TOKENS_AT_ONCE):
            ids = asked[place : place + _TOKENS_AT_ONCE]
            with self._database.read() as db:
                good |= operators.still_hold(db, ids)
                rest = [id for id in ids if id not in good]
                good |= signins.still_signed_in(db, rest, now)
            self._breathe()
        for stream in everybody:
            if stream.let_in_by is not None and stream.let_in_by not in good:
                self.close(stream)
