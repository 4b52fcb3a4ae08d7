"""The way in for all that a channel reports: kept, applied and its consequences owed in one commit.

What is authentic but cannot be applied is kept as failed. It might have been a takeover, so the AI
says nothing in the conversation it names until that conversation has been read from the channel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway import contacts
from gateway.channels.base import Channel, Envelope, Snapshot
from gateway.clock import Clock, to_micros
from gateway.conversations import doors, history, record
from gateway.conversations.record import Outcome, Source
from gateway.conversations.thread import Held, end_hold, open_conversation
from gateway.errors import Conflict, GatewayError, NotFound, Unavailable
from gateway.events import (
    SYSTEM,
    ContactSeen,
    Event,
    Fact,
    MessageRedacted,
    StaffSeen,
    Unrecognised,
)
from gateway.people import staff
from gateway.policy import Terms
from gateway.store import Database, new_id
from gateway.store.models import Conversation, InboxDelivery, Installation
from gateway.store.sql import Prepared, insert_into, table_of

log = structlog.get_logger(__name__)

FOUND_LATE = "found late"
_CONFIRM_AFTER_US = 2_000_000

_INBOX = table_of(InboxDelivery)
_KEEP = Prepared(lambda sql: sql.insert(_INBOX).on_conflict_do_nothing().returning(_INBOX.c.id))


@dataclass(slots=True, kw_only=True)
class Receipt:
    """What became of a delivery: applied, failed or foreign; `again` if it had come before."""

    id: str | None
    state: str
    again: bool = False
    owed: set[str] = field(default_factory=set)


class Inbox:
    """Receives deliveries of every channel."""

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Channel],
        terms: Mapping[str, Terms],
        clock: Clock,
        wake: Callable[[str], object],
        link: Callable[[str], str],
    ) -> None:
        self._database = database
        self._channels = channels
        self._terms = terms
        self._clock = clock
        self._wake = wake
        self._link = link
        self._installations: dict[tuple[str, str], str] = {}

    def receive(self, channel: Channel, envelope: Envelope, body: bytes) -> Receipt:
        """Keep and apply one authentic notification.

        Raises Unavailable when nothing can be kept; whatever else goes wrong is kept as failed.
        """
        try:
            events = channel.receiver.translate(envelope).events
            receipt = self._database.write(
                lambda db: self._keep(db, channel, envelope, body, events)
            )
        except Unavailable:
            raise
        except Exception as error:  # kept and shown instead: the sender can do nothing about it
            trouble = describe(error)
            log.warning(
                "delivery_failed", channel=channel.name, topic=envelope.topic, error=trouble,
                exc_info=not isinstance(error, GatewayError),
            )  # fmt: skip
            receipt = self._database.write(
                lambda db: self._keep_failed(db, channel, envelope, body, trouble)
            )
        for kind in sorted(receipt.owed):
            self._wake(kind)
        return receipt

    def replay(self, delivery_id: str) -> Receipt:
        """Apply a failed delivery once more; raise NotFound or Conflict if there is none."""
        with self._database.read() as db:
            row = db.execute(
                select(InboxDelivery.channel, InboxDelivery.body, InboxDelivery.state).where(
                    InboxDelivery.id == delivery_id
                )
            ).one_or_none()
        if row is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        if row.state != "failed":
            raise Conflict(f"delivery {delivery_id} is {row.state}, only failed ones are replayed")
        channel = self._channels.get(row.channel)
        if channel is None:
            raise Conflict(f"the channel {row.channel} is not configured any more")
        envelope = channel.receiver.read_envelope(row.body)
        try:
            events = channel.receiver.translate(envelope).events
            receipt = self._database.write(
                lambda db: self._apply_kept(db, channel, envelope, delivery_id, events)
            )
        except Unavailable:
            raise
        except Exception as error:
            trouble = describe(error)
            log.warning("replay_failed", delivery=delivery_id, error=trouble)
            receipt = self._database.write(lambda db: self._failed_again(db, delivery_id, trouble))
        for kind in sorted(receipt.owed):
            self._wake(kind)
        return receipt

    def observe(self, db: Session, held: Held, snapshot: Snapshot) -> Outcome:
        """Apply what reading a conversation showed, within the caller's transaction.

        The conversation's hold ends: what the failed delivery may have said is known now.
        """
        now = to_micros(self._clock.now())
        outcome = self._apply_to(db, held, snapshot.events, now, "read")
        if outcome.found_late and outcome.session is not None:
            session_id = outcome.session.id
            outcome.owed |= doors.give_to_people(
                db, self._terms[held.channel], held, session_id,
                trigger="rule", by=SYSTEM, reason=FOUND_LATE, link=self._link(session_id), now=now,
            ).owed  # fmt: skip
        end_hold(db, held)
        return outcome

    def meet(self, channel: str, people: Sequence[Event]) -> None:
        """Record who works in a private channel; nothing if it was never heard of."""

        def see(db: Session) -> None:
            named = self._channels[channel].installation
            known = Installation.slot == "" if named is None else Installation.external_id == named
            installation_id = db.scalar(
                select(Installation.id).where(Installation.channel == channel, known)
            )
            if installation_id is not None:
                self._apply_people(db, installation_id, people, to_micros(self._clock.now()))

        self._database.write(see)

    # -- one transaction ---------------------------------------------------------------------------

    def _keep(
        self,
        db: Session,
        channel: Channel,
        envelope: Envelope,
        body: bytes,
        events: Sequence[Event],
    ) -> Receipt:
        now = to_micros(self._clock.now())
        installation_id = self._installation(db, channel, envelope.installation, now)
        state = "applied" if installation_id else "foreign"
        delivery_id = self._write(db, channel, envelope, body, now, state)
        if delivery_id is None:
            return Receipt(id=None, state=state, again=True)
        receipt = Receipt(id=delivery_id, state=state)
        if installation_id is not None:
            receipt.owed = self._apply(db, channel, installation_id, events, now)
        return receipt

    def _keep_failed(
        self, db: Session, channel: Channel, envelope: Envelope, body: bytes, error: str
    ) -> Receipt:
        now = to_micros(self._clock.now())
        installation_id = self._installation(db, channel, envelope.installation, now)
        state = "failed" if installation_id else "foreign"
        delivery_id = self._write(db, channel, envelope, body, now, state, error)
        if delivery_id is None:
            return Receipt(id=None, state=state, again=True)
        receipt = Receipt(id=delivery_id, state=state)
        if installation_id and envelope.conversation:
            held = open_conversation(
                db,
                installation_id=installation_id,
                channel=channel.name,
                external_id=envelope.conversation,
                now=now,
            )
            db.execute(
                update(Conversation)
                .where(Conversation.id == held.id)
                .values(held_since=held.held_since or now, read_due=now)
            )
            receipt.owed.add("sync")
        return receipt

    def _apply_kept(
        self,
        db: Session,
        channel: Channel,
        envelope: Envelope,
        delivery_id: str,
        events: Sequence[Event],
    ) -> Receipt:
        now = to_micros(self._clock.now())
        installation_id = self._installation(db, channel, envelope.installation, now)
        if installation_id is None:
            raise Conflict("the delivery is of another workspace")
        owed = self._apply(db, channel, installation_id, events, now)
        db.execute(
            update(InboxDelivery)
            .where(InboxDelivery.id == delivery_id)
            .values(
                state="applied",
                error=None,
                applied_at=now,
                attempts=InboxDelivery.attempts + 1,
            )
        )
        return Receipt(id=delivery_id, state="applied", owed=owed)

    def _failed_again(self, db: Session, delivery_id: str, error: str) -> Receipt:
        db.execute(
            update(InboxDelivery)
            .where(InboxDelivery.id == delivery_id)
            .values(error=error, attempts=InboxDelivery.attempts + 1)
        )
        return Receipt(id=delivery_id, state="failed")

    def _write(
        self,
        db: Session,
        channel: Channel,
        envelope: Envelope,
        body: bytes,
        now: int,
        state: str,
        error: str | None = None,
    ) -> str | None:
        """Write the inbox row; None if this delivery had come before."""
        row = {
            "id": new_id("dlv"),
            "channel": channel.name,
            "installation": envelope.installation,
            "dedup": envelope.id or "sha256:" + hashlib.sha256(body).hexdigest(),
            "topic": envelope.topic,
            "conversation": envelope.conversation,
            "state": state,
            "error": error,
            "body": body,
            "received_at": now,
            "applied_at": now if state == "applied" else None,
            "attempts": 1,
        }
        return cast("str | None", db.execute(_KEEP.on(db), row).scalar())

    def _installation(
        self, db: Session, channel: Channel, external_id: str, now: int
    ) -> str | None:
        """Our id of the workspace; None if the delivery is of a foreign one."""
        known = self._installations.get((channel.name, external_id))
        if known is not None:
            return known
        if channel.installation is None:
            if not external_id:
                return None  # a report that names no workspace decides nothing
            slot = "" if channel.private else external_id
            where = Installation.slot == slot
        else:
            if external_id != channel.installation:
                return None
            # What the settings say wins over what was pinned before they said it.
            slot = external_id
            where = Installation.external_id == external_id
        query = select(Installation.id, Installation.external_id).where(
            Installation.channel == channel.name, where
        )
        row = db.execute(query).one_or_none()
        if row is not None and row.external_id == external_id:
            self._installations[channel.name, external_id] = row.id
        elif row is None:
            db.execute(
                insert_into(db, Installation)
                .values(
                    id=new_id("ins"),
                    channel=channel.name,
                    slot=slot,
                    external_id=external_id,
                    created_at=now,
                )
                .on_conflict_do_nothing()
            )
            row = db.execute(query).one()
        return row.id if row.external_id == external_id else None

    def _apply(
        self, db: Session, channel: Channel, installation_id: str, events: Sequence[Event], now: int
    ) -> set[str]:
        owed: set[str] = set()
        named = sorted(
            (event for event in events if _conversation_of(event)),
            key=lambda e: _conversation_of(e),
        )
        alone = [event for event in events if not _conversation_of(event)]
        contact_id = self._apply_people(db, installation_id, alone, now)
        for external_id, group in groupby(named, key=_conversation_of):
            held = open_conversation(
                db,
                installation_id=installation_id,
                channel=channel.name,
                external_id=external_id,
                now=now,
            )
            owed |= self._apply_to(db, held, list(group), now, "delivery", contact_id).owed
        return owed

    def _apply_people(
        self, db: Session, installation_id: str, events: Sequence[Event], now: int
    ) -> str | None:
        contact_id = None
        for event in events:
            if isinstance(event, ContactSeen):
                seen = contacts.see(db, installation_id, event, now)
                contact_id = contact_id or seen  # the first is whose conversation it is
            elif isinstance(event, StaffSeen):
                staff.see(db, installation_id, event)
        return contact_id

    def _apply_to(
        self,
        db: Session,
        held: Held,
        events: Sequence[Event],
        now: int,
        source: Source,
        contact_id: str | None = None,
    ) -> Outcome:
        alone = [event for event in events if not _conversation_of(event)]
        contact_id = self._apply_people(db, held.installation_id, alone, now) or contact_id
        facts = [cast(Fact, e) for e in events if _conversation_of(e) and not _redacts(e)]
        assumed = held.thread.assumed
        outcome = record.apply(
            db, self._terms[held.channel], held, facts,
            now=now, source=source, contact_id=contact_id,
        )  # fmt: skip
        for event in events:
            if isinstance(event, MessageRedacted):
                history.redact(db, held, event.message)
        if held.thread.assumed and not assumed:
            # A snapshot said that somebody else holds it. Silence came at once; certainty comes by
            # reading the conversation, a moment later so that the assignment itself may arrive.
            db.execute(
                update(Conversation)
                .where(Conversation.id == held.id, Conversation.read_due.is_(None))
                .values(read_due=now + _CONFIRM_AFTER_US)
            )
            outcome.owed.add("sync")
        return outcome


def describe(error: Exception) -> str:
    """An error as one line for the record: its kind and words, never a payload's."""
    if isinstance(error, GatewayError):
        return error.message
    return f"{type(error).__name__} while applying; see the log"


def _conversation_of(event: Event) -> str:
    if isinstance(event, ContactSeen | StaffSeen | Unrecognised):
        return ""
    return event.conversation


def _redacts(event: Event) -> bool:
    return isinstance(event, MessageRedacted)
