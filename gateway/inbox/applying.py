"""From events to the record: customers and teammates, and then each conversation's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import update

from gateway import contacts
from gateway.conversations import history, record
from gateway.conversations.record import Outcome, Report, Source
from gateway.conversations.thread import Held, Named, open_conversations
from gateway.events import ContactSeen, Event, Fact, MessageRedacted, StaffSeen, Unrecognised
from gateway.people import staff
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.store.models import Conversation

_CONFIRM_AFTER_US = 2_000_000


@dataclass(slots=True, kw_only=True)
class Told:
    """What one delivery says. `owed`: the kinds of work that follow from it."""

    installation_id: str
    channel: str
    events: Sequence[Event]
    owed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Said:
    """All that is said of one conversation, and by which fact's word it is whose."""

    facts: list[Fact] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    whose: dict[str, str] = field(default_factory=dict)
    owed: list[set[str]] = field(default_factory=list)

    def add(self, event: Event, contact_id: str | None) -> None:
        """Take in what an event says."""
        if isinstance(event, MessageRedacted):
            self.redacted.append(event.message)
        elif not isinstance(event, ContactSeen | StaffSeen | Unrecognised):
            self.facts.append(event)
            if contact_id is not None:
                self.whose[event.id] = contact_id


def apply_deliveries(
    db: Transaction, terms: Mapping[str, Terms], several: Sequence[Told], now: int
) -> None:
    """Apply what deliveries say, all of a conversation at once.

    Look-ups and writes of all of them go together.
    """
    names = {name for told in several for name in _named(told)}
    held = open_conversations(db, names, now)
    customers = meet(db, [(told.installation_id, told.events) for told in several], now)
    said: dict[Named, Said] = {name: Said() for name in sorted(names)}
    for told, contact_id in zip(several, customers, strict=True):
        for event in told.events:
            if external_id := conversation_of(event):
                named = Named(told.installation_id, external_id, told.channel)
                said[named].add(event, contact_id)
        for name in _named(told):
            said[name].owed.append(told.owed)
    outcomes = apply_said(db, terms, [(held[name], said[name]) for name in said], now, "delivery")
    for one, outcome in zip(said.values(), outcomes, strict=True):
        for owed in one.owed:
            owed.update(outcome.owed)


def apply_said(
    db: Transaction,
    terms: Mapping[str, Terms],
    several: Sequence[tuple[Held, Said]],
    now: int,
    source: Source,
) -> list[Outcome]:
    """Apply what is said of locked conversations, each of them once."""
    assumed = [held.thread.assumed for held, _ in several]
    outcomes = record.apply_all(
        db,
        [
            Report(
                terms=terms[held.channel], held=held, facts=said.facts, now=now, source=source,
                whose=said.whose,
            )
            for held, said in several
        ],
    )  # fmt: skip
    for (held, said), was_assumed, outcome in zip(several, assumed, outcomes, strict=True):
        for message in said.redacted:
            history.redact(db, held, message)
        if held.thread.assumed and not was_assumed:
            _make_sure(db, held, now)
            outcome.owed.add("sync")
    return outcomes


def meet(
    db: Transaction, several: Sequence[tuple[str, Sequence[Event]]], now: int
) -> list[str | None]:
    """Record the people whom installations name; return each one's first customer."""
    customers: list[str | None] = [None] * len(several)
    for home in sorted({installation_id for installation_id, _ in several}):
        told = [
            (place, event)
            for place, (installation_id, events) in enumerate(several)
            if installation_id == home
            for event in events
        ]
        seen = [(place, event) for place, event in told if isinstance(event, ContactSeen)]
        ids = contacts.see(db, home, [event for _, event in seen], now)
        for (place, _), contact_id in zip(seen, ids, strict=True):
            customers[place] = customers[place] or contact_id
        staff.see(db, home, [event for _, event in told if isinstance(event, StaffSeen)])
    return customers


def conversation_of(event: Event) -> str:
    """The channel's id of the conversation that an event lies in; "" if in none."""
    if isinstance(event, ContactSeen | StaffSeen | Unrecognised):
        return ""
    return event.conversation


def _named(told: Told) -> set[Named]:
    return {
        Named(told.installation_id, external_id, told.channel)
        for event in told.events
        if (external_id := conversation_of(event))
    }


def _make_sure(db: Transaction, held: Held, now: int) -> None:
    """A snapshot said that somebody else holds it. Silence came at once; certainty comes by
    reading the conversation, a moment later so that the assignment itself may arrive."""
    db.execute(
        update(Conversation)
        .where(Conversation.id == held.id, Conversation.read_due.is_(None))
        .values(read_due=now + _CONFIRM_AFTER_US)
    )
