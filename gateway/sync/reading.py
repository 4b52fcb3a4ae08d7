"""Sync: reading one conversation, the one way the gateway learns the channel's truth."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Integer, bindparam, select, update

from gateway.channels.base import Channel, Sender, Snapshot
from gateway.clock import to_micros
from gateway.conversations import claims, record
from gateway.conversations.heads import Hold
from gateway.conversations.record import Outcome
from gateway.conversations.thread import Held, end_hold, lock_conversation
from gateway.errors import Again, Never, NotFound
from gateway.events import LAST_NUMBER, ConversationDeleted, Position
from gateway.inbox import Inbox
from gateway.store import Transaction
from gateway.store.models import Claim, Conversation
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

CLAIM = "read"
LEASE_S = 30.0
DEADLINE_S = 15.0
LOOK_DEADLINE_S = 10.0
"""Of a read that somebody waits for: the look before a send, or before an answer."""
_LONGEST_PAUSE_S = 300.0
_SAME_MOMENT_US = 2_000_000


_CONVERSATIONS, _CLAIMS = table_of(Conversation), table_of(Claim)
_DUE = Prepared(
    lambda _: (
        select(_CONVERSATIONS.c.id)
        .select_from(_CONVERSATIONS)
        .outerjoin(
            _CLAIMS, _CLAIMS.c.kind.in_(literals(CLAIM)) & (_CLAIMS.c.key == _CONVERSATIONS.c.id)
        )
        .where(
            _CONVERSATIONS.c.read_due <= bindparam("until"),
            _CLAIMS.c.until.is_(None) | (_CLAIMS.c.until <= bindparam("database_now")),
        )
        .order_by(_CONVERSATIONS.c.read_due)
        .limit(bindparam("most", type_=Integer))
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A conversation as it was read, and up to when (µs, the channel's time) that is the truth."""

    snapshot: Snapshot
    truth_at: int


def _truth_at(snapshot: Snapshot, asked_at: int) -> int:
    """The moment up to which a read certainly tells everything.

    A channel tells its changes by the second: in the very second of a read more may come after it.
    """
    settled = asked_at - _SAME_MOMENT_US
    return min(snapshot.updated_at, max(settled, 0))


class Reader:
    """Opens each channel's sender once per process and reads conversations with it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._senders: dict[str, tuple[Channel, Sender]] = {}
        self._opening = threading.Lock()

    def sender(self, channel: str) -> Sender:
        """The channel's sender, opened on first use and when the channel is not as it was.

        Raises Paused for a channel that rests.
        """
        now = self._parts.channels[channel]
        with self._opening:
            opened = self._senders.get(channel)
            if opened is None or opened[0] is not now:
                opened = self._senders[channel] = (now, now.open_sender())
            return opened[1]

    def read(
        self, channel: str, conversation: str, deadline_s: float, *, background: bool = False
    ) -> Reading:
        """Read a conversation; raises Again, Never or NotFound.

        `background`: no customer waits for it, so it leaves the channel's budget to others.
        """
        sender = self.sender(channel)
        began = to_micros(self._parts.clock.now())
        snapshot = sender.read(conversation, deadline=deadline_s, background=background)
        asked_at = began - int((sender.skew_s() or 0.0) * 1e6)
        return Reading(snapshot=snapshot, truth_at=_truth_at(snapshot, asked_at))

    def gone(self, conversation_id: str) -> None:
        """The channel no longer has the conversation: its session is over."""
        owed = self._parts.database.write(lambda db: self._gone(db, conversation_id))
        for kind in sorted(owed):
            self._parts.waker.wake(kind)

    def _gone(self, db: Transaction, conversation_id: str) -> set[str]:
        now = to_micros(self._parts.clock.now())
        held = lock_conversation(db, conversation_id)
        newest = held.thread.newest[0]
        fact = ConversationDeleted(
            conversation=held.external_id,
            id=f"gone:{held.external_id}",
            at=Position(max(now - now % 1_000_000, newest.at), LAST_NUMBER, newest.step + 10),
            moment=now,
        )
        terms = self._parts.terms[held.channel]
        outcome = record.apply(db, terms, held, [fact], now=now, source="read")
        end_hold(db, held, now)
        return outcome.owed


class Reads:
    """Reads the conversations that must be read: after a failed delivery, or to make sure."""

    kind = "reads"
    threads = 4

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader

    def due(self, limit: int) -> Sequence[str]:
        """Conversations to read now."""
        return self._due(self._now(), limit)

    def due_within(self, seconds: float) -> bool:
        """True if one becomes due that soon."""
        return bool(self._due(self._now() + int(seconds * 1e6), 1))

    def do(self, conversation_id: str) -> None:
        """Read one conversation and apply what it shows."""
        token = self._database.write(
            lambda db: claims.take(db, self._database, CLAIM, conversation_id, LEASE_S)
        )
        if token is None:
            return
        try:
            self._read(conversation_id)
        finally:
            self._database.write(lambda db: claims.release(db, CLAIM, conversation_id, token))

    def abandon(self, keys: Sequence[str]) -> None:
        """A read that is not applied stays due."""

    def _read(self, conversation_id: str) -> None:
        with self._database.read() as db:
            row = db.execute(
                select(
                    Conversation.channel,
                    Conversation.external_id,
                    Conversation.held_since,
                    Conversation.read_due,
                ).where(Conversation.id == conversation_id)
            ).one()
        known = (row.held_since, row.read_due)
        try:
            reading = self._reader.read(row.channel, row.external_id, DEADLINE_S)
        except NotFound:
            self._reader.gone(conversation_id)
            return
        except (Again, Never, KeyError) as trouble:
            log.warning("read_failed", conversation=conversation_id, error=str(trouble))
            self._database.write(lambda db: self._later(db, conversation_id))
            return
        inbox = self._parts.inbox
        owed = self._database.write(
            lambda db: (
                observe(inbox, db, lock_conversation(db, conversation_id), reading, known).owed
            )
        )
        # What was held back may go now.
        for kind in sorted({*owed, "deliver"} - {"sync"}):
            self._parts.waker.wake(kind)

    def _later(self, db: Transaction, conversation_id: str) -> None:
        attempts = db.scalar(
            select(Conversation.read_attempts).where(Conversation.id == conversation_id)
        )
        pause_s = min(2.0 ** min(attempts or 0, 10), _LONGEST_PAUSE_S)
        db.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id)
            .values(read_due=self._now() + int(pause_s * 1e6), read_attempts=(attempts or 0) + 1)
        )

    def _due(self, until: int, limit: int) -> list[str]:
        with self._database.read() as db:
            asked = {"until": until, "database_now": self._database.now(db), "most": limit}
            return [row.id for row in _DUE.run(db, asked)]

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def observe(inbox: Inbox, db: Transaction, held: Held, reading: Reading, known: Hold) -> Outcome:
    """Apply a read. It ends the hold and the due read that were `known` before, no later ones.

    A takeover that could not be translated may have come while the channel's answer was on its way.
    """
    held_since, read_due = held.held_since, held.read_due
    outcome = inbox.observe(db, held, reading.snapshot, reading.truth_at)
    if (held_since, read_due) != known and read_due is not None:
        db.execute(
            update(Conversation)
            .where(Conversation.id == held.id)
            .values(held_since=held_since, read_due=read_due)
        )
        held.held_since, held.read_due = held_since, read_due
        outcome.owed.add("sync")
    return outcome
