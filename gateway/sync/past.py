"""The past: conversations that a backfill listed are read once, the newest first, as history.

The read is everybody's (`reading.py`). What it shows goes the way of every report, but nothing
follows from it: nobody is asked, called, told or answered.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import select

from gateway.conversations.thread import Named, open_conversation
from gateway.events import Happened, MessageReceived, NoteAdded
from gateway.reconciling import backfills
from gateway.reconciling.backfills import Read, Taken
from gateway.store import Transaction
from gateway.store.models import Conversation
from gateway.sync.background import Background, Trouble
from gateway.sync.pauses import LEASE_US
from gateway.sync.reading import Reading

log = structlog.get_logger(__name__)


class Past(Background[Taken]):
    """Reads what backfills have listed, the newest first; keys are `backfill/conversation`."""

    kind = "past"

    def _lanes(self, db: Transaction, limit: int) -> Sequence[Sequence[str]]:
        return [
            [f"{id}/{name}" for name in backfills.unread(db, id, self._now(), limit)]
            for id, channel in backfills.under_way(db)
            if not self._pauses.holds(channel)
        ]

    def _take(self, db: Transaction, key: str) -> Taken | None:
        backfill_id, _, external_id = key.partition("/")
        return backfills.take_one(db, backfill_id, external_id, self._now(), LEASE_US)

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

    def _put_off(self, taken: Taken, due_at: int, trouble: Trouble, *, tried: bool) -> None:
        if tried:
            log.warning(
                "past_not_read", channel=taken.channel, conversation=taken.external_id,
                error=str(trouble), tries=taken.tries + 1,
            )  # fmt: skip
        self._database.write(lambda db: backfills.later(db, taken, due_at, tried=tried))
