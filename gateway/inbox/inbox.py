"""The inbox: receives deliveries, replays failed ones, and takes in what was read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import structlog
from sqlalchemy import select, update

from gateway import contacts
from gateway.channels.base import Channel, Envelope, Snapshot
from gateway.clock import Clock, to_micros
from gateway.conversations import doors
from gateway.conversations.record import Outcome
from gateway.conversations.thread import (
    Held,
    Named,
    end_hold,
    is_known_up_to,
    open_conversation,
)
from gateway.errors import Conflict, GatewayError, NotFound, Unavailable
from gateway.events import SYSTEM, ContactSeen, Event, StaffSeen
from gateway.inbox import deliveries
from gateway.inbox.applying import Said, Told, apply_deliveries, apply_said, look_up, meet
from gateway.inbox.cleaning import forget_of_erased, keep_clean
from gateway.inbox.deliveries import Arrival, Receipt
from gateway.inbox.installations import Installations, pinned
from gateway.logs import about
from gateway.people import staff
from gateway.policy import Terms
from gateway.store import PATIENCE_S, Database, Together, Transaction
from gateway.store.models import Conversation, InboxDelivery
from gateway.tracing import span

log = structlog.get_logger(__name__)

FOUND_LATE = "found late"

MOST_TOGETHER = 32
"""How many deliveries share a commit at most: on SQLite nobody else writes meanwhile."""


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
        self._installations = Installations()
        self._together: Together[Arrival, Receipt | Exception] = Together(
            self.keep_together, most=MOST_TOGETHER, patience_s=PATIENCE_S
        )

    def receive(self, channel: Channel, envelope: Envelope, body: bytes) -> Receipt:
        """Keep and apply one authentic notification, in a commit with those that came with it.

        Raises Unavailable when nothing can be kept; whatever else goes wrong is kept as failed.
        """
        arrival = Arrival(channel=channel, envelope=envelope, body=body)
        names = {"channel": channel.name, "topic": envelope.topic}
        with about(origin=arrival.id), span("receive", names, begins=True):
            receipt = self._receive(arrival)
            log.info(
                "delivery_kept", **names, external_id=envelope.conversation,
                state="repeated" if receipt.again else receipt.state,
            )  # fmt: skip
        return receipt

    def _receive(self, arrival: Arrival) -> Receipt:
        channel, envelope = arrival.channel, arrival.envelope
        try:
            events = channel.receiver.translate(envelope).events
            receipt = self._together.do(replace(arrival, events=events))
            if isinstance(receipt, Exception):
                raise receipt
        except Unavailable:
            raise
        except Exception as error:  # kept and shown instead: the sender can do nothing about it
            trouble = describe(error)
            log.warning(
                "delivery_failed", channel=channel.name, topic=envelope.topic, error=trouble,
                exc_info=not isinstance(error, GatewayError),
            )  # fmt: skip
            receipt = self._database.write(lambda db: self._keep_failed(db, arrival, trouble))
            self._wake_all(receipt.owed)
        return receipt

    def keep_together(self, arrivals: Sequence[Arrival]) -> Sequence[Receipt | Exception]:
        """Keep deliveries in one commit; if one of them cannot be applied, each in its own.

        Returns for each what became of it, or why it cannot be applied. Raises Unavailable when
        nothing can be kept.
        """
        try:
            receipts = self._database.write(lambda db: self._keep(db, arrivals))
        except Unavailable:
            raise
        except Exception as error:
            if len(arrivals) == 1:
                return [error]
            return [self.keep_together([arrival])[0] for arrival in arrivals]
        self._wake_all({kind for receipt in receipts for kind in receipt.owed})
        return receipts

    def replay(self, delivery_id: str) -> Receipt:
        """Apply a failed delivery once more; raise NotFound or Conflict if there is none."""
        with self._database.read() as db:
            row = db.execute(
                select(
                    InboxDelivery.channel,
                    InboxDelivery.body,
                    InboxDelivery.state,
                    InboxDelivery.forgotten_at,
                ).where(InboxDelivery.id == delivery_id)
            ).one_or_none()
        if row is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        if row.state != "failed":
            raise Conflict(f"delivery {delivery_id} is {row.state}, only failed ones are replayed")
        if row.forgotten_at is not None:
            raise Conflict(f"what delivery {delivery_id} said has been forgotten")
        channel = self._channels.get(row.channel)
        if channel is None:
            raise Conflict(f"the channel {row.channel} is not configured any more")
        with about(origin=delivery_id):
            receipt = self._replay(channel, delivery_id, row.body)
        self._wake_all(receipt.owed)
        return receipt

    def _replay(self, channel: Channel, delivery_id: str, body: bytes) -> Receipt:
        envelope = channel.receiver.read_envelope(body)
        try:
            events = channel.receiver.translate(envelope).events
            return self._database.write(
                lambda db: self._apply_kept(db, channel, envelope, delivery_id, events)
            )
        except Unavailable:
            raise
        except Exception as error:
            trouble = describe(error)
            log.warning("replay_failed", delivery=delivery_id, error=trouble)
            self._database.write(lambda db: deliveries.failed_again(db, delivery_id, trouble))
            return Receipt(id=delivery_id, state="failed")

    def observe(
        self, db: Transaction, held: Held, snapshot: Snapshot, truth_at: int = 0
    ) -> Outcome:
        """Apply what reading a conversation showed, within the caller's transaction.

        The conversation's hold ends: what the failed delivery may have said is known now, and
        everything else up to `truth_at` (µs, the channel's time).
        """
        now = to_micros(self._clock.now())
        contact_id = meet(db, held.installation_id, snapshot.events, now, held)
        said = Said()
        for event in snapshot.events:
            said.add(event, contact_id)
        (outcome,) = apply_said(db, self._terms, [(held, said)], now, "read")
        if outcome.found_late and outcome.session is not None:
            session_id = outcome.session.id
            outcome.owed |= doors.give_to_people(
                db, self._terms[held.channel], held, session_id,
                trigger="rule", by=SYSTEM, reason=FOUND_LATE, link=self._link(session_id), now=now,
            ).owed  # fmt: skip
        end_hold(db, held, truth_at)
        return outcome

    def recall(self, db: Transaction, held: Held, snapshot: Snapshot, horizon: int) -> Outcome:
        """Apply what a conversation's past was, up to `horizon` (µs, the channel's time).

        Nothing speaks because of it, and no hold ends: what came later was not taken in.
        """
        now = to_micros(self._clock.now())
        past = snapshot.up_to(horizon)
        contact_id = meet(db, held.installation_id, past, now, held)
        said = Said()
        for event in past:
            said.add(event, contact_id)
        (outcome,) = apply_said(db, self._terms, [(held, said)], now, "history")
        is_known_up_to(db, held, horizon)
        return outcome

    def enter(self, channel: str, external_id: str) -> str | None:
        """Our id of the workspace that a channel's own credentials open, known or new.

        None if it is another one than the settings, or notifications, have told.
        """
        now = to_micros(self._clock.now())
        return self._database.write(
            lambda db: self._installations.of(db, self._channels[channel], external_id, now)
        )

    def meet(self, channel: str, people: Sequence[Event]) -> None:
        """Record everybody who works in a private channel; nothing if it was never heard of."""

        def see(db: Transaction) -> None:
            installation_id = pinned(db, self._channels[channel])
            if installation_id is not None:
                meet(db, installation_id, people, to_micros(self._clock.now()))
                everybody = [one for one in people if isinstance(one, StaffSeen)]
                staff.keep_only(db, installation_id, everybody)

        self._database.write(see)

    def meet_customers(
        self, db: Transaction, installation_id: str, people: Sequence[ContactSeen]
    ) -> list[ContactSeen]:
        """Record what a channel's own list says of customers; return what was different."""
        different = contacts.news(db, installation_id, people)
        contacts.see(db, installation_id, people, to_micros(self._clock.now()))
        return different

    def _wake_all(self, owed: Collection[str]) -> None:
        for kind in sorted(owed):
            self._wake(kind)

    # -- one transaction ---------------------------------------------------------------------------

    def _keep(self, db: Transaction, arrivals: Sequence[Arrival]) -> list[Receipt]:
        now = to_micros(self._clock.now())
        homes = [self._home(db, arrival, now) for arrival in arrivals]
        states = ["applied" if home else "foreign" for home in homes]
        told = [
            Told(
                installation_id=home or "", channel=arrival.channel.name, events=arrival.events,
                origin=arrival.id,
            )
            for home, arrival in zip(homes, arrivals, strict=True)
        ]  # fmt: skip
        with db.in_one_trip():
            kept = deliveries.keep(db, arrivals, states, now)
            found = look_up(db, [one for one in told if one.installation_id])
        receipts = kept()
        new = []
        for one, receipt in zip(told, receipts, strict=True):
            if one.installation_id and not receipt.again:
                one.owed = receipt.owed
                new.append(one)
        held = apply_deliveries(db, self._terms, new, found, now)
        for arrival, one, receipt in zip(arrivals, told, receipts, strict=True):
            if not one.installation_id or receipt.id is None or receipt.again:
                continue
            for name in one.names:
                keep_clean(db, arrival.channel, receipt.id, arrival.body, held[name], now)
            if one.forgotten is not None and not one.names:
                forget_of_erased(db, receipt.id, one.forgotten, now)
        return receipts

    def _keep_failed(self, db: Transaction, arrival: Arrival, error: str) -> Receipt:
        now = to_micros(self._clock.now())
        home = self._home(db, arrival, now)
        state = "failed" if home else "foreign"
        (receipt,) = deliveries.keep(db, [arrival], [state], now, error=error)()
        conversation = arrival.envelope.conversation
        if home and conversation and not receipt.again:
            held = open_conversation(db, Named(home, conversation, arrival.channel.name), now)
            db.execute(
                update(Conversation)
                .where(Conversation.id == held.id)
                .values(held_since=held.held_since or now, read_due=now)
            )
            if receipt.id is not None:
                keep_clean(db, arrival.channel, receipt.id, arrival.body, held, now)
            receipt.owed.add("sync")
        return receipt

    def _apply_kept(
        self,
        db: Transaction,
        channel: Channel,
        envelope: Envelope,
        delivery_id: str,
        events: Sequence[Event],
    ) -> Receipt:
        now = to_micros(self._clock.now())
        home = self._installations.of(db, channel, envelope.installation, now)
        if home is None:
            raise Conflict("the delivery is of another workspace")
        told = Told(installation_id=home, channel=channel.name, events=events)
        apply_deliveries(db, self._terms, [told], look_up(db, [told]), now)
        deliveries.applied_at_last(db, delivery_id, now)
        return Receipt(id=delivery_id, state="applied", owed=told.owed)

    def _home(self, db: Transaction, arrival: Arrival, now: int) -> str | None:
        return self._installations.of(db, arrival.channel, arrival.envelope.installation, now)


def describe(error: Exception) -> str:
    """An error as one line for the record: its kind and words, never a payload's."""
    if isinstance(error, GatewayError):
        return error.message
    return f"{type(error).__name__} while applying; see the log"
