"""Events: turns what happened into what subscribers are owed, and posts it, each lane in its order.

It shares a queue with reading: nobody who waits for an answer waits for a subscriber.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from gateway import feed
from gateway.clock import to_micros
from gateway.conversations import claims
from gateway.reading.events import put_into_words
from gateway.reading.sessions import Json
from gateway.store import Transaction
from gateway.subscribers import book, deliveries
from gateway.subscribers.posting import Answer, Poster
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

CLAIM = "events"
_NEWS = "news"
_LEASE_S = 60.0
# A lane is left to others after this long; no post may begin when the lease could end under it.
_TURN_S = 20.0
_AT_ONCE = 50
_NOTED_EVERY = 20
_NOTED_EVERY_S = 0.5


class Events:
    """One piece of work is the news of a subscriber, or one lane of what it is owed."""

    kind = "events"
    threads = 8

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database
        self._posters = parts.subscribers

    def due(self, limit: int) -> Sequence[str]:
        """Subscribers who have not been told of the newest, and lanes with something to post.

        Each subscriber's turn comes before anybody's second.
        """
        if not self._posters:
            return []
        head = feed.head(self._database)
        with self._database.read() as db:
            known = book.find(db, self._posters)
            lanes = deliveries.due_lanes(db, list(known.values()), self._now())
        if len(known) < len(self._posters):
            missing = [name for name in self._posters if name not in known]
            self._database.write(lambda db: book.meet(db, missing, head, self._now()))
        behind = [
            f"{name}/{_NEWS}"
            for name, row in known.items()
            if row.disabled_at is None and row.cursor < head.last
        ]
        lanes.sort(key=lambda one: one[1])
        return (behind + [f"{name}/{lane}" for name, lane in lanes])[:limit]

    def due_within(self, seconds: float) -> bool:
        """True if something is to be posted that soon."""
        soon = self._now() + int(seconds * 1e6)
        with self._database.read() as db:
            known = book.find(db, self._posters)
            return bool(deliveries.due_lanes(db, list(known.values()), soon))

    def do(self, key: str) -> None:
        """Take in a subscriber's news, or post what is due in one of its lanes."""
        name, _, what = key.rpartition("/")
        poster = self._posters[name]
        if what == _NEWS:
            # No claim: whoever comes first moves the cursor, and nobody else does the same.
            while book.take_in(self._database, name, poster.kinds, self._now()):
                pass
            return
        token = self._database.write(
            lambda db: claims.take(db, self._database, CLAIM, key, _LEASE_S)
        )
        if token is None:
            return
        try:
            self._post_lane(poster, int(what))
        finally:
            self._database.write(lambda db: claims.release(db, CLAIM, key, token))

    def abandon(self, keys: Sequence[str]) -> None:
        """What was posted and not noted is posted again, under the same id."""

    # -- one lane ----------------------------------------------------------------------------------

    def _post_lane(self, poster: Poster, lane: int) -> None:
        clock = self._parts.clock
        until = clock.monotonic() + _TURN_S
        blocked: set[str] = set()
        while clock.monotonic() < until:
            with self._database.read() as db:
                if book.is_left_alone(db, poster.name, self._now()):
                    return
                rows = deliveries.due(db, poster.name, lane, self._now(), _AT_ONCE)
                rows = [row for row in rows if row.subject not in blocked]
                told = put_into_words(
                    db, [(row.event_id, row) for row in rows], self._parts.wording
                )
            if not rows or not self._post_all(poster, rows, told, blocked, until):
                return

    def _post_all(
        self,
        poster: Poster,
        rows: Sequence[Any],
        told: Sequence[Json | None],
        blocked: set[str],
        until: float,
    ) -> bool:
        """Post these in order; False if the lane is to be left."""
        clock = self._parts.clock
        taken: list[str] = []
        noted = clock.monotonic()
        gone = [row.id for row, event in zip(rows, told, strict=True) if event is None]
        if gone:
            self._database.write(lambda db: deliveries.gone(db, gone, self._now()))
        try:
            for row, event in zip(rows, told, strict=True):
                if event is None or row.subject in blocked:
                    continue
                if clock.monotonic() >= until:
                    return False
                answer = poster.post(row.event_id, event)
                if answer.taken:
                    taken.append(row.id)
                    if len(taken) >= _NOTED_EVERY or clock.monotonic() - noted > _NOTED_EVERY_S:
                        self._note(poster, taken)
                        noted = clock.monotonic()
                    continue
                blocked.add(row.subject)
                if not self._not_taken(poster, row, answer):
                    return False
            return True
        finally:
            self._note(poster, taken)

    def _note(self, poster: Poster, taken: list[str]) -> None:
        if not taken:
            return
        now = self._now()

        def note(db: Transaction) -> None:
            deliveries.sent(db, taken, now)
            book.has_taken(db, poster.name, now)

        self._database.write(note)
        taken.clear()

    def _not_taken(self, poster: Poster, row: Any, answer: Answer) -> bool:
        """Write down what came back; False if the subscriber is to be left alone for now."""
        now, error = self._now(), answer.error or ""
        if answer.unwanted:
            self._database.write(lambda db: book.disable(db, poster.name, error, now))
            log.warning("subscriber_disabled", subscriber=poster.name, error=error)
            return False

        def note(db: Transaction) -> str:
            if answer.away:
                book.is_away(db, poster.name, error, now)
            else:
                book.refused(db, poster.name, error)
            return deliveries.failed(db, row, answer.status, error, now)

        state = self._database.write(note)
        log.warning(
            "event_not_taken", subscriber=poster.name, delivery=row.id, error=error,
            tries=row.tries + 1, state=state,
        )  # fmt: skip
        return not answer.away

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())
