"""From events to the record: customers and teammates, and then each conversation's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

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


@dataclass(frozen=True, slots=True)
class _Part:
    """What it says of one conversation."""

    held: Held
    events: Sequence[Event]
    contact_id: str | None
    owed: set[str]


def apply_deliveries(
    db: Transaction, terms: Mapping[str, Terms], several: Sequence[Told], now: int
) -> None:
    """Apply what deliveries say: look-ups and writes of all of them go together."""
    parts: list[tuple[Named, Sequence[Event], Told]] = []
    for told in several:
        by_conversation: dict[str, list[Event]] = {}
        for event in told.events:
            if name := conversation_of(event):
                by_conversation.setdefault(name, []).append(event)
        parts += (
            (Named(told.installation_id, name, told.channel), by_conversation[name], told)
            for name in sorted(by_conversation)
        )
    held = open_conversations(db, {named for named, _, _ in parts}, now)
    met = meet(db, [(told.installation_id, told.events) for told in several], now)
    whose = {id(told): contact_id for told, contact_id in zip(several, met, strict=True)}
    waiting = [
        _Part(held[named], events, whose[id(told)], told.owed) for named, events, told in parts
    ]
    while waiting:
        together, waiting = _one_of_each(waiting)
        outcomes = apply_parts(
            db, terms, [(part.held, part.events, part.contact_id) for part in together], now,
            "delivery",
        )  # fmt: skip
        for part, outcome in zip(together, outcomes, strict=True):
            part.owed.update(outcome.owed)


def apply_parts(
    db: Transaction,
    terms: Mapping[str, Terms],
    parts: Sequence[tuple[Held, Sequence[Event], str | None]],
    now: int,
    source: Source,
) -> list[Outcome]:
    """Apply what is said of locked conversations, each of them once."""
    assumed = [held.thread.assumed for held, _, _ in parts]
    outcomes = record.apply_all(
        db,
        [
            Report(
                terms=terms[held.channel],
                held=held,
                facts=[cast(Fact, event) for event in events if _is_fact(event)],
                now=now,
                source=source,
                contact_id=contact_id,
            )
            for held, events, contact_id in parts
        ],
    )
    for (held, events, _), was_assumed, outcome in zip(parts, assumed, outcomes, strict=True):
        for event in events:
            if isinstance(event, MessageRedacted):
                history.redact(db, held, event.message)
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


def _is_fact(event: Event) -> bool:
    return bool(conversation_of(event)) and not isinstance(event, MessageRedacted)


def _one_of_each(parts: Sequence[_Part]) -> tuple[list[_Part], list[_Part]]:
    """The first part of each conversation, and the rest: it depends on what the first changes."""
    first: dict[str, _Part] = {}
    rest = [part for part in parts if first.setdefault(part.held.id, part) is not part]
    return list(first.values()), rest


def _make_sure(db: Transaction, held: Held, now: int) -> None:
    """A snapshot said that somebody else holds it. Silence came at once; certainty comes by
    reading the conversation, a moment later so that the assignment itself may arrive."""
    db.execute(
        update(Conversation)
        .where(Conversation.id == held.id, Conversation.read_due.is_(None))
        .values(read_due=now + _CONFIRM_AFTER_US)
    )
