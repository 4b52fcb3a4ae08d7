"""From events to the record: customers and teammates, and then each conversation's facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway import contacts
from gateway.conversations import forgetting, record
from gateway.conversations.parameters import set_parameters
from gateway.conversations.record import Outcome, Report, Source
from gateway.conversations.thread import (
    Held,
    Named,
    forget_before,
    open_conversations,
    read_by,
)
from gateway.conversations.thread import look_up as look_up_conversations
from gateway.events import (
    Assigned,
    Assignee,
    AssigneeSeen,
    ContactSeen,
    Event,
    Fact,
    MessageReceived,
    MessageRedacted,
    ParametersSet,
    StaffSeen,
    Unrecognised,
)
from gateway.people import staff
from gateway.policy import Terms
from gateway.store import Transaction

_CONFIRM_AFTER_US = 2_000_000


@dataclass(slots=True, kw_only=True)
class Told:
    """What one delivery says. `names`: of which conversations; `owed`: what work follows.

    `origin` is the delivery's id, `forgotten` the contact that it is about if somebody with its id
    was erased.
    """

    installation_id: str
    channel: str
    events: Sequence[Event]
    origin: str | None = None
    owed: set[str] = field(default_factory=set)
    forgotten: str | None = None
    names: set[Named] = field(init=False)

    def __post_init__(self) -> None:
        ids = {conversation_of(event) for event in self.events} - {""}
        self.names = {Named(self.installation_id, id, self.channel) for id in ids}


@dataclass(slots=True)
class Said:
    """All that is said of one conversation, and by which fact's word it is whose.

    `origin`: the last delivery that says something; None for what was read.
    """

    facts: list[Fact] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    parameters: list[ParametersSet] = field(default_factory=list)
    whose: dict[str, str] = field(default_factory=dict)
    owed: list[set[str]] = field(default_factory=list)
    origin: str | None = None

    def add(self, event: Event, contact_id: str | None) -> None:
        """Take in what an event says."""
        if isinstance(event, MessageRedacted):
            self.redacted.append(event.message)
        elif isinstance(event, ParametersSet):
            self.parameters.append(event)
        elif not isinstance(event, ContactSeen | StaffSeen | Unrecognised):
            self.facts.append(event)
            if contact_id is not None:
                self.whose[event.id] = contact_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of those whom deliveries name; asked for, and there after the trip."""

    conversations: Callable[[], dict[Named, Held]]
    contacts: Mapping[str, Callable[[], dict[str, Any]]]
    staff: Mapping[str, Callable[[], dict[tuple[str, str], Any]]]


def look_up(db: Transaction, several: Sequence[Told]) -> Found:
    """Lock the conversations that deliveries name, and ask for the people in them."""
    homes = _by_home(several)
    return Found(
        conversations=look_up_conversations(db, {name for told in several for name in told.names}),
        contacts={home: contacts.look_up(db, home, met.customers) for home, met in homes.items()},
        staff={home: staff.look_up(db, home, met.staff) for home, met in homes.items()},
    )


def apply_deliveries(
    db: Transaction, terms: Mapping[str, Terms], several: Sequence[Told], found: Found, now: int
) -> Mapping[Named, Held]:
    """Apply what deliveries say, all of a conversation at once; return the conversations."""
    names = {name for told in several for name in told.names}
    held = open_conversations(db, names, now, found.conversations())
    customers: dict[int, str] = {}
    forgotten: dict[str, int] = {}
    for home, met in _by_home(several).items():
        ids = contacts.see(
            db, home, met.customers, now, found.contacts[home](), met.spoke, forgotten
        )
        for place, contact_id in zip(met.told_by, ids, strict=True):
            customers.setdefault(place, contact_id)  # the first is whose conversation it is
        staff.see(db, home, met.staff, found.staff[home]())
    said: dict[Named, Said] = {name: Said() for name in sorted(names)}
    for place, told in enumerate(several):
        for event in told.events:
            if external_id := conversation_of(event):
                name = Named(told.installation_id, external_id, told.channel)
                said[name].add(event, customers.get(place))
        customer = customers.get(place)
        told.forgotten = customer if customer in forgotten else None
        for name in told.names:
            said[name].owed.append(told.owed)
            said[name].origin = told.origin
            if told.forgotten is not None:
                forget_before(db, held[name], forgotten[told.forgotten])
    outcomes = apply_said(db, terms, [(held[name], said[name]) for name in said], now, "delivery")
    for one, outcome in zip(said.values(), outcomes, strict=True):
        for owed in one.owed:
            owed.update(outcome.owed)
    return held


def apply_said(
    db: Transaction,
    terms: Mapping[str, Terms],
    several: Sequence[tuple[Held, Said]],
    now: int,
    source: Source,
) -> list[Outcome]:
    """Apply what is said of locked conversations, each of them once."""
    assumed = [held.thread.assumed for held, _ in several]
    for held, said in several:  # several deliveries share this transaction
        held.origin = said.origin or held.origin
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
            forgetting.redact(db, held, message, now)
        for told in said.parameters:
            set_parameters(db, held, told.values, over=told.over, now=now)
        if held.thread.assumed and not was_assumed and source != "history":
            # A snapshot said that somebody else holds it. Silence came at once; certainty comes by
            # reading, a moment later so that the assignment itself may arrive.
            read_by(db, held, now + _CONFIRM_AFTER_US)
            outcome.owed.add("sync")
    return outcomes


def meet(
    db: Transaction,
    installation_id: str,
    events: Sequence[Event],
    now: int,
    held: Held | None = None,
) -> str | None:
    """Record the people whom an installation names; return the first customer.

    `held` is the conversation in which it does: if that customer was erased, no words from before
    are kept in it.
    """
    told = Told(installation_id=installation_id, channel="", events=events)
    met = _by_home([told])[installation_id]
    forgotten: dict[str, int] = {}
    with db.in_one_trip():
        customers = contacts.look_up(db, installation_id, met.customers)
        teammates = staff.look_up(db, installation_id, met.staff)
    ids = contacts.see(db, installation_id, met.customers, now, customers(), met.spoke, forgotten)
    staff.see(db, installation_id, met.staff, teammates())
    if held is not None and ids and ids[0] in forgotten:
        forget_before(db, held, forgotten[ids[0]])
    return ids[0] if ids else None


def conversation_of(event: Event) -> str:
    """The channel's id of the conversation that an event lies in; "" if in none."""
    if isinstance(event, ContactSeen | StaffSeen | Unrecognised):
        return ""
    return event.conversation


@dataclass(slots=True)
class _Met:
    """The people whom deliveries of one installation name, customers with the delivery's place.

    `spoke`: when (µs) a customer wrote last, of those who did.
    """

    customers: list[ContactSeen] = field(default_factory=list)
    told_by: list[int] = field(default_factory=list)
    staff: list[StaffSeen] = field(default_factory=list)
    spoke: dict[str, int] = field(default_factory=dict)


def _by_home(several: Sequence[Told]) -> dict[str, _Met]:
    homes: dict[str, _Met] = {}
    for place, told in enumerate(several):
        met = homes.setdefault(told.installation_id, _Met())
        for event in told.events:
            if isinstance(event, ContactSeen):
                met.customers.append(event)
                met.told_by.append(place)
            elif isinstance(event, StaffSeen):
                met.staff.append(event)
            elif isinstance(event, MessageReceived):
                who = event.author
                if who.kind == "customer" and who.id is not None:
                    met.spoke[who.id] = max(event.at.at, met.spoke.get(who.id, 0))
            elif isinstance(event, Assigned):
                met.staff += _named(event.to)
            elif isinstance(event, AssigneeSeen):
                met.staff += _named(event.assignee)
    return homes


def _named(holder: Assignee) -> list[StaffSeen]:
    """Who is named as holding something: their name is known soon if it is not yet."""
    if holder.id is None or holder.kind not in ("operator", "team"):
        return []
    return [StaffSeen(kind=holder.kind, id=holder.id)]
