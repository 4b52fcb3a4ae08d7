"""From a notification's topic to its events: one table, one small function per shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET, UnsetType

from gateway.channels.base import Envelope
from gateway.channels.intercom import shapes
from gateway.channels.intercom.conversation import conversation_to_events
from gateway.channels.intercom.names import (
    assigned_id,
    micros_of,
    name_of,
    words_or_none,
)
from gateway.channels.intercom.notification import item_of
from gateway.channels.intercom.people import Seats
from gateway.errors import Unreadable
from gateway.events import (
    LAST_NUMBER,
    STEP_CLOSED,
    ContactMarks,
    ContactSeen,
    ConversationDeleted,
    Delivery,
    Event,
    Position,
    StaffSeen,
    Unrecognised,
)

_ARCHIVED = {"contact.archived": True, "contact.unarchive": False}


@dataclass(frozen=True, slots=True)
class Notification:
    """What a translator is told. `at` is when the notification was made (µs, 0: unknown)."""

    topic: str
    item: Mapping[str, Any]
    at: int
    seats: Seats


def notification_to_delivery(envelope: Envelope, seats: Seats) -> Delivery:
    """Turn a notification into events; raise Unreadable, naming the field in the way."""
    return Delivery(
        installation=envelope.installation,
        id=envelope.id,
        topic=envelope.topic,
        events=_events(envelope, seats),
    )


def _events(envelope: Envelope, seats: Seats) -> Sequence[Event]:
    if envelope.topic == "ping":
        return ()
    item = item_of(envelope.content)
    translate = TOPICS.get(envelope.topic) or _by_shape(item)
    if translate is None:
        return (Unrecognised(topic=envelope.topic),)
    if item is None:
        raise Unreadable("data.item is missing: expected an object")
    at = _made_at(envelope.content)
    try:
        return tuple(translate(Notification(envelope.topic, item, at, seats)))
    except Unreadable as error:
        raise Unreadable(f"{envelope.topic}: {error.message}") from error


def _made_at(content: Mapping[str, object]) -> int:
    created_at = shapes.read(content, shapes.Made, "notification").created_at
    return 0 if created_at is None else micros_of(created_at, "created_at")


def _by_shape(item: Mapping[str, Any] | None) -> Callable[[Notification], Sequence[Event]] | None:
    """Return how to read an item of an unlisted topic that has a shape we know.

    `conversation.admin.replied.translated` (2.16) and whatever comes next may be a takeover.
    """
    if item is not None and item.get("type") == "conversation" and "id" in item:
        return conversation
    return None


def conversation(notification: Notification) -> Sequence[Event]:
    """Any item with the conversation's shape, whatever its topic."""
    seats = notification.seats
    return conversation_to_events(notification.item, bot=seats.bot, ai_teams=seats.ai_teams)


def conversation_deleted(notification: Notification) -> Sequence[Event]:
    """`conversation.deleted`: the conversation's id, and nothing else."""
    gone = shapes.read(notification.item, shapes.DeletedConversation)
    id = name_of(gone.conversation_id or gone.id, "data.item.conversation_id")
    at = Position(notification.at, LAST_NUMBER, STEP_CLOSED)  # nothing follows it
    return (ConversationDeleted(conversation=id, id="deleted", at=at),)


def contact(notification: Notification) -> Sequence[Event]:
    """A contact, the older user, or what is wrapped around a contact (a tag, a subscription)."""
    item, topic = notification.item, notification.topic
    around = shapes.read(item, shapes.WithContact) if "contact" in item else None
    read = shapes.read(item, shapes.Contact) if around is None else around.contact
    seen = contact_seen(
        read, notification.seats, as_of=notification.at, deleted=topic == "contact.deleted"
    )
    marks = marks_of(read) or ContactMarks()
    if around is not None:
        marks = with_change(marks, around, topic)
    if topic in _ARCHIVED:
        marks = replace(marks, archived=_ARCHIVED[topic])
    # January 2026: the survivor came without the documented `merged_from`.
    absorbed = topic == "contact.merged" and not seen.merged
    return (replace(seen, marks=marks, absorbed=absorbed),)


def contact_seen(
    read: shapes.Contact, seats: Seats, *, as_of: int = 0, deleted: bool = False
) -> ContactSeen:
    """A contact as an event; `as_of` (µs) is used if it does not say when it changed.

    Identity verification signs a user's external id, or the e-mail address of one who has none; a
    lead says what they like.
    """
    id = name_of(read.id, "contact.id")
    if read.updated_at is not None:
        as_of = micros_of(read.updated_at, "contact.updated_at")
    external = read.user_id if read.external_id in (None, UNSET) else read.external_id
    external_id = assigned_id(external, "contact.external_id")
    proven = seats.users_are_verified and read.role == "user"
    # What is left of one that is gone says nothing by what it leaves out.
    whole = read.role is not None and not deleted
    told: dict[str, object] = {"name": read.name, "email": read.email, "phone": read.phone}
    if read.user_id is None:
        told["external_id"] = read.external_id
    custom = _custom(read.custom_attributes, seats)
    told |= custom
    return ContactSeen(
        id=id,
        name=_words(read.name),
        email=_words(read.email),
        phone=_words(read.phone),
        external_id=external_id,
        custom={name: value for name, value in custom.items() if value not in (None, "")},
        cleared=tuple(name for name, value in told.items() if whole and value in (None, "")),
        marks=marks_of(read),
        merged=_merged(read, id),
        deleted=deleted,
        as_of=as_of,
        verified=(() if not proven else ("external_id",) if external_id else ("email",)),
    )


def _custom(attributes: object, seats: Seats) -> dict[str, object]:
    """Attributes that are fields of ours; a list or a reference is none of them."""
    if not seats.attributes or not isinstance(attributes, dict):
        return {}
    found = {name: attributes.get(attribute) for name, attribute in seats.attributes.items()}
    return {
        name: value
        for name, value in found.items()
        if value is None or isinstance(value, str | int | float)
    }


def _words(given: str | UnsetType | None) -> str | None:
    return None if given is UNSET else words_or_none(given)


def marks_of(read: shapes.Contact) -> ContactMarks | None:
    """What a contact says of tags and mail; None if it is too short to say anything."""
    if read.role is None:
        return None
    lists = {
        id: (name, on)
        for listed, on in (
            (read.opted_in_subscription_types, True), (read.opted_out_subscription_types, False)
        )
        for id, name in _labels(listed)
    }  # fmt: skip
    tags = read.tags
    whole = tags is not None and tags.data is not None and not tags.has_more
    return ContactMarks(
        tags=dict(_labels(tags)) if whole else None,
        lists=lists,
        no_mail=read.unsubscribed_from_emails,
    )


def with_change(marks: ContactMarks, around: shapes.WithContact, topic: str) -> ContactMarks:
    """The tag that came or went, the kinds of mail that were chosen or not, with their names."""
    tag = dict(_labels(shapes.Labels(data=[around.tag])))
    if topic.endswith(".tag.created"):
        marks = replace(marks, tagged=tag)
    elif topic.endswith(".tag.deleted"):
        marks = replace(marks, untagged=tuple(tag))
    on = topic == "contact.subscribed"
    lists = {id: (name, on) for id, name in _labels(around.subscription_types)}
    return replace(marks, lists={**marks.lists, **lists})


def _labels(listed: shapes.Labels | None) -> Iterator[tuple[str, str]]:
    for label in (listed.data or ()) if listed is not None else ():
        if label is not None and label.id is not None:
            named = label.name or (label.default_translation or shapes.Translated()).name
            yield name_of(label.id, "contact.tags.id"), words_or_none(named) or ""


def _merged(read: shapes.Contact, into: str) -> tuple[str, ...]:
    given = read.merged_from
    if given is None or given == "":
        return ()
    listed = given if isinstance(given, list) else [given]
    ids = [
        name_of(one.id if isinstance(one, shapes.ContactReference) else one, "contact.merged_from")
        for one in listed
    ]
    return tuple(dict.fromkeys(id for id in ids if id != into))


def admin(notification: Notification) -> Sequence[Event]:
    """A teammate, who may be the bot's own seat."""
    read = shapes.read(notification.item, shapes.Admin)
    id = name_of(read.id, "admin.id")
    return (
        StaffSeen(
            kind="ai" if id == notification.seats.bot else "operator",
            id=id,
            name=words_or_none(read.name),
            email=words_or_none(read.email),
            away=read.away_mode_enabled,
            # The item of a removal looks like any other: only the topic tells.
            removed=notification.topic == "admin.removed_from_workspace",
        ),
    )


# Tickets, companies, calls and the rest are Unrecognised: kept, shown, answered 200.
TOPICS: Mapping[str, Callable[[Notification], Sequence[Event]]] = {
    "conversation.user.created": conversation,
    "conversation.user.replied": conversation,
    "conversation.admin.assigned": conversation,
    "conversation.admin.open.assigned": conversation,
    "conversation.admin.replied": conversation,
    "conversation.admin.noted": conversation,
    "conversation.admin.single.created": conversation,
    "conversation.admin.opened": conversation,
    "conversation.admin.closed": conversation,
    "conversation.admin.snoozed": conversation,
    "conversation.admin.unsnoozed": conversation,
    "conversation.operator.replied": conversation,
    "conversation.priority.updated": conversation,
    "conversation.rating.added": conversation,
    "conversation.read": conversation,
    "conversation_part.redacted": conversation,
    "conversation.deleted": conversation_deleted,
    "conversation.contact.attached": contact,
    "conversation.contact.detached": contact,
    "contact.user.created": contact,
    "contact.user.updated": contact,
    "contact.user.tag.created": contact,
    "contact.user.tag.deleted": contact,
    "contact.lead.created": contact,
    "contact.lead.updated": contact,
    "contact.lead.added_email": contact,
    "contact.lead.signed_up": contact,
    "contact.lead.tag.created": contact,
    "contact.lead.tag.deleted": contact,
    "contact.email.updated": contact,
    "contact.merged": contact,
    "contact.archived": contact,
    "contact.unarchive": contact,
    "contact.deleted": contact,
    "contact.subscribed": contact,
    "contact.unsubscribed": contact,
    "visitor.signed_up": contact,
    "admin.added_to_workspace": admin,
    "admin.removed_from_workspace": admin,
    "admin.away_mode_updated": admin,
    "admin.logged_in": admin,
    "admin.logged_out": admin,
}
