"""The past: conversations that a backfill listed are read once, the newest first, as history.

The read is everybody's (`reading.py`). What it shows goes the way of every report, but nothing
follows from it: nobody is asked, called, told or answered.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import select

from gateway.clock import to_micros
from gateway.conversations.thread import Named, open_conversation
from gateway.errors import Again, Never, NotFound
from gateway.events import Happened, MessageReceived, NoteAdded
from gateway.reconciling import backfills
from gateway.reconciling.backfills import Read, Taken
from gateway.store import Transaction
from gateway.store.models import Conversation
from gateway.sync.doubts import in_turns
from gateway.sync.pace import Pace
from gateway.sync.pauses import LEASE_US, Pauses
from gateway.sync.reading import DEADLINE_S, Reader, Reading
from gateway.wiring import Parts

log = structlog.get_logger(__name__)


class Past:
    """Reads what backfills have listed: of every channel in turn, and the newest first in each."""

    kind = "past"
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
        """Conversations to read now, each after its backfill."""
        room = limit if self._pace is None else min(limit, self._pace.room())
        return self._due(self._now(), room) if room else ()

    def due_within(self, seconds: float) -> bool:
        """True if the pace alone holds it back; for all else the scheduler comes again."""
        paced = self._pace is not None and not self._pace.room()
        return paced and bool(self._due(self._now(), 1))

    def do(self, key: str) -> None:
        """Read one conversation, and keep what it was."""
        backfill_id, _, external_id = key.partition("/")
        taken = self._database.write(
            lambda db: backfills.take_one(db, backfill_id, external_id, self._now(), LEASE_US)
        )
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
            self._later(taken, trouble)
            return
        for kind in sorted(self._database.write(lambda db: self._keep(db, taken, reading))):
            self._parts.waker.wake(kind)

    def abandon(self, keys: Sequence[str]) -> None:
        """What is read again changes nothing."""

    def _keep(self, db: Transaction, taken: Taken, reading: Reading) -> set[str]:
        snapshot, horizon = reading.snapshot, taken.horizon
        read, owed = Read(young=True), set[str]()
        if any(isinstance(event, Happened) for event in snapshot.up_to(horizon)):
            name = Named(taken.installation_id, taken.external_id, taken.channel)
            held = open_conversation(db, name, self._now())
            outcome = self._parts.inbox.recall(db, held, snapshot, horizon)
            owed = outcome.owed
            words = sum(isinstance(one, MessageReceived | NoteAdded) for one in outcome.learned)
            read = Read(messages=words, lost=snapshot.lost)
        backfills.settle(db, taken, read)
        return owed

    def _due(self, now: int, limit: int) -> list[str]:
        with self._database.read() as db:
            lanes = [
                [f"{id}/{name}" for name in backfills.unread(db, id, now, limit)]
                for id, channel in backfills.under_way(db)
                if not self._pauses.holds(channel)
            ]
        return list(in_turns(lanes))[:limit]

    def _gone(self, taken: Taken) -> None:
        """It was deleted meanwhile, in the record too if that has heard of it."""
        with self._database.read() as db:
            known = db.scalar(
                select(Conversation.id).where(
                    Conversation.installation_id == taken.installation_id,
                    Conversation.external_id == taken.external_id,
                )
            )
        if known is not None:
            self._reader.gone(known)
        self._database.write(lambda db: backfills.settle(db, taken, Read(gone=True)))

    def _later(self, taken: Taken, trouble: Again | Never | KeyError) -> None:
        wait = self._pauses.after(taken.channel, trouble, taken.tries)
        if wait.tried:
            log.warning(
                "past_not_read", channel=taken.channel, conversation=taken.external_id,
                error=str(trouble), tries=taken.tries + 1,
            )  # fmt: skip
        due_at = self._now() + int(wait.seconds * 1e6)
        self._database.write(lambda db: backfills.later(db, taken, due_at, tried=wait.tried))

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())
