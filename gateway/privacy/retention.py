"""Forgetting in time: what was said in sessions that ended long ago, and bodies of deliveries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row, select

from gateway.conversations.forgetting import forget
from gateway.conversations.thread import lock_session, words_were_taken_back
from gateway.inbox.cleaning import forget_bodies
from gateway.privacy.traces import clean_journal
from gateway.store import Database, Transaction
from gateway.store.models import ChatSession, InboxDelivery

BODIES_AT_ONCE = 200
_SECOND_US = 1_000_000


def sessions_over(db: Transaction, channel: str, finished_before: int, limit: int) -> Sequence[str]:
    """Sessions of a channel that ended before then (µs) and are remembered, the eldest first."""
    return db.scalars(
        select(ChatSession.id)
        .where(
            ChatSession.channel == channel,
            ChatSession.status == "finished",
            ChatSession.forgotten_at.is_(None),
            ChatSession.finished_at < finished_before,
        )
        .order_by(ChatSession.finished_at)
        .limit(limit)
    ).all()


def forget_session(db: Transaction, session_id: str, finished_before: int, now: int) -> None:
    """Forget what was said in one of them, if that is still so, and what was delivered of it.

    The conversation may go on: what belongs to later sessions stays.
    """
    held, row = lock_session(db, session_id)
    over = row.status == "finished" and row.finished_at < finished_before
    if not over or row.forgotten_at is not None:
        return
    ended = row.finished_at - row.finished_at % _SECOND_US + _SECOND_US
    later = db.scalar(
        select(ChatSession.opened_at)
        .where(ChatSession.conversation_id == held.id, ChatSession.opened_at > row.opened_at)
        .order_by(ChatSession.opened_at)
        .limit(1)
    )
    before = ended if later is None else min(ended, later)
    forget(db, held, [session_id], before=before, facts_before=before, now=now)
    clean_journal(db, [held.id], [session_id])
    words_were_taken_back(db, held, now)  # also out of what was delivered


class Bodies:
    """Forgets the bodies of deliveries of a channel that are old, some at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Up to where nothing is left to forget, by channel: ids grow with time.
        self._done: dict[str, str] = {}

    def due(self, channel: str, received_before: int) -> bool:
        """Whether there are any."""
        eldest = next(iter(self._eldest(channel, 1)), None)
        return eldest is not None and eldest.received_at < received_before

    def forget(self, channel: str, received_before: int, now: int) -> None:
        """Forget some of them; those that failed and may be replayed, too."""
        ids = []
        for row in self._eldest(channel, BODIES_AT_ONCE):
            if row.received_at >= received_before:
                break
            ids.append(row.id)
        if ids:
            self._database.write(lambda db: forget_bodies(db, [InboxDelivery.id.in_(ids)], now))
            self._done[channel] = ids[-1]

    def _eldest(self, channel: str, most: int) -> Sequence[Row[str, int]]:
        with self._database.read() as db:
            return db.execute(
                select(InboxDelivery.id, InboxDelivery.received_at)
                .where(
                    InboxDelivery.channel == channel,
                    InboxDelivery.forgotten_at.is_(None),
                    InboxDelivery.id > self._done.get(channel, ""),
                )
                .order_by(InboxDelivery.id)
                .limit(most)
            ).all()
