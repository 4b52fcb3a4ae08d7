"""A conversation as Intercom tells it, by webhook or by REST, turned into facts.

Never by the topic: the same part comes under several, and a bot's reply under a teammate's. What
the item's own fields say of the assignee is `seen:…` by webhook and `read:…` by REST.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gateway.channels.base import Snapshot
from gateway.channels.intercom import shapes
from gateway.channels.intercom.names import micros_of, name_of, number_of
from gateway.channels.intercom.parts import Thread, Told, opening_to_events, part_to_events
from gateway.channels.intercom.people import (
    Seats,
    assigned_by_item,
    assigned_by_part,
    contacts_seen,
    staff_seen,
)
from gateway.errors import Unreadable
from gateway.events import (
    STEP_SEEN,
    SYSTEM,
    AssigneeSeen,
    Closed,
    Event,
    MessageReceived,
    Position,
    Reopened,
)


def conversation_to_events(
    item: Mapping[str, Any], *, bot: str, ai_teams: Collection[str] = (), read: bool = False
) -> list[Event]:
    """Turn a conversation into facts, in its own order; raise Unreadable.

    `bot` is the admin id of the bot's seat. `read`: the item was just read by REST and holds every
    part, not only those of a notification.
    """
    seats = Seats(bot, ai_teams)
    conversation = shapes.read(item, shapes.Conversation)
    thread = _thread(conversation, seats, read)
    parts = _told_parts(conversation, seats)
    events: list[Event] = []
    if conversation.source is not None:
        events += opening_to_events(conversation, conversation.source, thread)
    for told in parts:
        events += part_to_events(told, thread)
    as_of = _as_of(conversation, parts)
    snapshot = _assignee_seen(conversation, parts, thread, as_of, read)
    if snapshot is not None:
        events.append(snapshot)
    if read and _is_closed(conversation) and not _told_closed(events):
        events.append(_closed_silently(parts, thread, as_of))
    authors = _authors(conversation, parts)
    events += contacts_seen(conversation, authors, as_of)
    events += staff_seen([author for author, _ in authors], seats)
    return events


def conversation_to_snapshot(
    item: Mapping[str, Any], *, bot: str, ai_teams: Collection[str] = ()
) -> Snapshot:
    """Turn a conversation just read by REST into a Snapshot; raise Unreadable.

    Fails closed: an answer that does not say who holds the conversation is unreadable.
    """
    conversation = shapes.read(item, shapes.Conversation)
    assignee = assigned_by_item(conversation, Seats(bot, ai_teams))
    if assignee is None:
        raise Unreadable("data.item does not say who holds the conversation (admin_assignee_id)")
    if conversation.updated_at is None:
        raise Unreadable("data.item does not say when it changed (updated_at)")
    closed = _is_closed(conversation)
    if closed is None:
        raise Unreadable("data.item does not say whether the conversation is open (state)")
    return Snapshot(
        conversation=name_of(conversation.id, "data.item.id"),
        events=conversation_to_events(item, bot=bot, ai_teams=ai_teams, read=True),
        assignee=assignee,
        closed=closed,
        updated_at=micros_of(conversation.updated_at, "data.item.updated_at"),
        lost=_lost(conversation),
        contacts=tuple(
            name_of(one.id, "contacts.contacts.id")
            for one in (conversation.contacts.contacts if conversation.contacts else ())
        ),
    )


def _authors(
    conversation: shapes.Conversation, parts: Sequence[Told]
) -> list[tuple[shapes.Author, int]]:
    """Return everybody who wrote something, with when they did (µs)."""
    authored = [(told.part.author, told.at) for told in parts]
    source, began = conversation.source, conversation.created_at
    if source is not None:
        at = 0 if began is None else micros_of(began, "data.item.created_at")
        authored.insert(0, (source.author, at))
    return [(author, at) for author, at in authored if author is not None]


def _lost(conversation: shapes.Conversation) -> int:
    """Return how many of the oldest parts the answer leaves out, 0 if it is whole.

    Whether `total_count` counts those left out is not documented; the statistics do, and count the
    opening message, too.
    """
    listed = conversation.conversation_parts
    told = len(listed.conversation_parts) if listed is not None else 0
    if listed is None or told < shapes.REST_PARTS_MAX:
        return 0
    counted = (conversation.statistics or {}).get("count_conversation_parts")
    totals = [told, listed.total_count, counted - 1 if isinstance(counted, int) else None]
    return max(total for total in totals if isinstance(total, int)) - told


def _is_closed(conversation: shapes.Conversation) -> bool | None:
    if conversation.state:
        return conversation.state == "closed"
    return None if conversation.open is None else not conversation.open


def _told_closed(events: Sequence[Event]) -> bool:
    """True if the parts themselves end with a close."""
    closed = False
    for event in events:
        if isinstance(event, Closed):
            closed = True
        elif isinstance(event, Reopened) or (
            isinstance(event, MessageReceived) and event.author.kind == "customer"
        ):
            closed = False
    return closed


def _closed_silently(parts: Sequence[Told], thread: Thread, as_of: int) -> Closed:
    """A conversation that was merged into another is closed, and no part of it says so."""
    return Closed(
        conversation=thread.id,
        id=f"read:{as_of // 1_000_000}",
        at=Position(as_of, parts[-1].number if parts else 0, STEP_SEEN),
        by=SYSTEM,
    )


def _thread(conversation: shapes.Conversation, seats: Seats, read: bool) -> Thread:
    contacts = conversation.contacts.contacts if conversation.contacts else ()
    source = conversation.source
    return Thread(
        id=name_of(conversation.id, "data.item.id"),
        contact=name_of(contacts[0].id, "contacts.contacts.id") if contacts else None,
        email=source is not None and source.type == "email",
        plain=not read and _is_from_2_15(conversation),
        seats=seats,
    )


def _is_from_2_15(conversation: shapes.Conversation) -> bool:
    """Tell a webhook of API 2.15 or later: bodies became plain text, `statistics.*_at` integers.

    No field names the version (changelog 2.15). REST has HTML and integers in every version.
    """
    statistics = conversation.statistics or {}
    return any(isinstance(value, int) for name, value in statistics.items() if name.endswith("_at"))


def _told_parts(conversation: shapes.Conversation, seats: Seats) -> Sequence[Told]:
    listed = conversation.conversation_parts
    if listed is None:
        return ()
    told: dict[str, Told] = {}
    for part in listed.conversation_parts:
        id = name_of(part.id, "a part's id")
        told[id] = Told(
            part=part,
            id=id,
            at=micros_of(part.created_at, "a part's created_at"),
            number=number_of(id),
            to=assigned_by_part(part, seats),
        )
    return sorted(told.values(), key=lambda one: (one.at, one.number, one.id))


def _as_of(conversation: shapes.Conversation, parts: Sequence[Told]) -> int:
    """Return the time for which the item's own fields speak, 0 if nothing tells."""
    if conversation.updated_at is not None:
        return micros_of(conversation.updated_at, "data.item.updated_at")
    if parts:
        return parts[-1].at
    if conversation.created_at is not None:
        return micros_of(conversation.created_at, "data.item.created_at")
    return 0


def _assignee_seen(
    conversation: shapes.Conversation,
    parts: Sequence[Told],
    thread: Thread,
    as_of: int,
    read: bool,
) -> AssigneeSeen | None:
    """Return what the item's fields say of the assignee, where they are worth anything.

    They can be older than the part beside them (archived 2016 sample: `nobody_admin` in the item,
    an admin in the part), so a notification whose newest part assigns says nothing else; and a REST
    read that contradicts its own newest assignment is no better than any snapshot.
    """
    now = assigned_by_item(conversation, thread.seats)
    if now is None:
        return None
    newest = parts[-1] if parts else None
    if not read and newest is not None and newest.to is not None:
        return None
    if read:
        stated = next((told.to for told in reversed(parts) if told.to is not None), None)
        read = stated is None or (stated.kind, stated.id) == (now.kind, now.id)
    number = newest.number if newest is not None else 0
    kind = "read" if read else "seen"
    # Short enough for every key: ids of teammates and teams are numbers.
    who = f"{now.kind}:{(now.id or '-')[:40]}:{(now.team or '-')[:40]}"
    return AssigneeSeen(
        conversation=thread.id,
        id=f"{kind}:{as_of // 1_000_000}:{number}:{who}",
        at=Position(as_of, number, STEP_SEEN),
        assignee=now,
        read=read,
    )
