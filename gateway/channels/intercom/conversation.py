"""A conversation as Intercom tells it, by webhook or by REST, turned into facts.

Decided by who wrote a part and what is in it, never by the topic: the same part comes under several
topics, and a bot's reply under a teammate's. Ids: a part's facts carry the part's own id (told
apart by their kind), the opening message `source:<conversation>`, what the item's fields say of the
assignee `seen:…` by webhook and `read:…` by REST.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.channels.base import Snapshot
from gateway.channels.intercom import shapes
from gateway.channels.intercom.markup import (
    SILENCE,
    Words,
    is_html,
    read_html,
    read_text,
    without_placeholders,
)
from gateway.channels.intercom.names import (
    micros_of,
    name_of,
    number_of,
    storable,
    words_or_none,
)
from gateway.channels.intercom.people import (
    Seats,
    actor_of,
    assigned_by_item,
    assigned_by_part,
    contacts_seen,
    staff_seen,
)
from gateway.errors import Unreadable
from gateway.events import (
    STEP_ASSIGNED,
    STEP_CLOSED,
    STEP_REOPENED,
    STEP_SAID,
    STEP_SEEN,
    Actor,
    Assigned,
    Assignee,
    AssigneeSeen,
    Attachment,
    Closed,
    Event,
    MessageReceived,
    MessageRedacted,
    NoteAdded,
    Position,
    Reopened,
    Snoozed,
)

# Part types come in compounds. Notes are recognised by any of them: a note that passed for a
# message would be shown to the customer's AI.
_NOTES = ("note", "note_and_reopen")
_REOPENED = ("open", "assign_and_reopen", "note_and_reopen")
_UNSNOOZED = ("unsnoozed", "timer_unsnooze", "assign_and_unsnooze")
ATTACHMENTS_MAX = 100
URL_MAX = 8_000


@dataclass(frozen=True, slots=True)
class _Thread:
    """What every part of one conversation is told with."""

    id: str
    contact: str | None
    email: bool
    plain: bool
    seats: Seats


@dataclass(frozen=True, slots=True)
class _Told:
    """A part with its id, time and assignment made uniform."""

    part: shapes.Part
    id: str
    at: int
    number: int
    to: Assignee | None

    def position(self, step: int) -> Position:
        return Position(self.at, self.number, step)


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
        events += _opening(conversation, conversation.source, thread)
    for told in parts:
        events += _part_to_events(told, thread)
    as_of = _as_of(conversation, parts)
    snapshot = _assignee_seen(conversation, parts, thread, as_of, read)
    if snapshot is not None:
        events.append(snapshot)
    source = [conversation.source.author] if conversation.source is not None else []
    authored = (*source, *(told.part.author for told in parts))
    authors = [author for author in authored if author is not None]
    events += contacts_seen(conversation, authors, as_of)
    events += staff_seen(authors, seats)
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
    if conversation.state is None and conversation.open is None:
        raise Unreadable("data.item does not say whether the conversation is open (state)")
    closed = conversation.state == "closed" if conversation.state else not conversation.open
    return Snapshot(
        conversation=name_of(conversation.id, "data.item.id"),
        events=conversation_to_events(item, bot=bot, ai_teams=ai_teams, read=True),
        assignee=assignee,
        closed=closed,
        updated_at=micros_of(conversation.updated_at, "data.item.updated_at"),
    )


def _thread(conversation: shapes.Conversation, seats: Seats, read: bool) -> _Thread:
    contacts = conversation.contacts.contacts if conversation.contacts else ()
    source = conversation.source
    return _Thread(
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


def _told_parts(conversation: shapes.Conversation, seats: Seats) -> Sequence[_Told]:
    listed = conversation.conversation_parts
    if listed is None:
        return ()
    told: dict[str, _Told] = {}
    for part in listed.conversation_parts:
        id = name_of(part.id, "a part's id")
        told[id] = _Told(
            part=part,
            id=id,
            at=micros_of(part.created_at, "a part's created_at"),
            number=number_of(id),
            to=assigned_by_part(part, seats),
        )
    return sorted(told.values(), key=lambda one: (one.at, one.number, one.id))


def _opening(
    conversation: shapes.Conversation, source: shapes.Source, thread: _Thread
) -> list[Event]:
    """Return the message that opened the conversation.

    Told by every delivery and the same in each, so a history is whole though the first
    notification was lost. Its id is made of the conversation's, which is certain everywhere.
    """
    author = actor_of(source.author, thread.seats)
    words = _words(source.body, thread)
    attachments = _attachments(source.attachments, words)
    text = without_placeholders(words.text) if attachments else words.text
    if thread.email and author.kind == "customer" and source.subject:
        # In an e-mail the subject is half of the message.
        subject = _words(source.subject, thread).text
        text = f"{subject}\n\n{text}".strip()
    redacted = source.redacted is True
    if not (text or attachments or redacted):
        return []
    if conversation.created_at is None:
        raise Unreadable("data.item.created_at is missing: expected Unix seconds")
    at = micros_of(conversation.created_at, "data.item.created_at")
    id = f"source:{thread.id}"
    said = MessageReceived(
        conversation=thread.id,
        id=id,
        at=Position(at, 0, STEP_SAID),
        author=author,
        text="" if redacted else text,
        html="" if redacted else words.html,
        attachments=() if redacted else attachments,
        via="email" if thread.email else "chat",
        contact=author.id if author.kind == "customer" else thread.contact,
    )
    gone = [MessageRedacted(conversation=thread.id, message=id)] if redacted else []
    return [said, *gone]


def _part_to_events(told: _Told, thread: _Thread) -> list[Event]:
    part, id = told.part, told.id
    by = actor_of(part.author, thread.seats)
    said = _said(told, by, thread)
    spoke = isinstance(said, MessageReceived) and by.kind == "customer"
    events: list[Event] = []
    if part.part_type in _REOPENED and not spoke:
        # A customer's reply to a closed conversation has part_type "open", too (spec's example).
        events.append(
            Reopened(conversation=thread.id, id=id, at=told.position(STEP_REOPENED), by=by)
        )
    if part.part_type in _UNSNOOZED:
        at = told.position(STEP_REOPENED)
        events.append(Snoozed(conversation=thread.id, id=id, at=at, by=by, on=False))
    if told.to is not None:
        at = told.position(STEP_ASSIGNED)
        events.append(Assigned(conversation=thread.id, id=id, at=at, to=told.to, by=by))
    if said is not None:
        events.append(said)
    if part.part_type == "close":
        events.append(Closed(conversation=thread.id, id=id, at=told.position(STEP_CLOSED), by=by))
    if part.part_type == "snoozed":
        events.append(Snoozed(conversation=thread.id, id=id, at=told.position(STEP_CLOSED), by=by))
    if part.redacted:
        events.append(MessageRedacted(conversation=thread.id, message=id))
    return events


def _said(told: _Told, by: Actor, thread: _Thread) -> MessageReceived | NoteAdded | None:
    """Return the words of a part, of any part_type; None if it has none.

    A reply may be a comment, an assignment, a close or an open. A redacted part keeps its place
    with empty words; what Intercom puts instead ("This message was deleted") is not the author's.
    """
    part = told.part
    words = SILENCE if part.redacted else _words(part.body, thread)
    attachments = () if part.redacted else _attachments(part.attachments, words)
    text = without_placeholders(words.text) if attachments else words.text
    if not (text or attachments or part.redacted):
        return None
    at = told.position(STEP_SAID)
    if part.part_type in _NOTES:
        return NoteAdded(
            conversation=thread.id,
            id=told.id,
            at=at,
            author=by,
            text=text,
            html=words.html,
            attachments=attachments,
        )
    email = thread.email or part.email_message_metadata is not None
    via: Literal["email", "chat"] = "email" if email else "chat"
    return MessageReceived(
        conversation=thread.id,
        id=told.id,
        at=at,
        author=by,
        text=text,
        html=words.html,
        attachments=attachments,
        via=via,
        contact=by.id if by.kind == "customer" else thread.contact,
    )


def _words(body: str | None, thread: _Thread) -> Words:
    if not body:
        return SILENCE
    if not thread.plain and is_html(body):
        return read_html(body)
    return read_text(body)


def _attachments(uploads: list[shapes.Upload] | None, words: Words) -> tuple[Attachment, ...]:
    """Return a part's files, then the pictures in its HTML that are not among them.

    Only web addresses: an attachment becomes a link on our pages.
    """
    if not uploads and not words.images:
        return ()
    found: dict[str, Attachment] = {}
    for upload in uploads or ():
        url = _web_address(upload.url)
        if url:
            size = upload.filesize
            found[url] = Attachment(
                url=url,
                name=words_or_none(upload.name) or "",
                content_type=words_or_none(upload.content_type) or "",
                size=size if size is not None and size >= 0 else None,
            )
    for image in words.images:
        url = _web_address(image.url)
        if url and url not in found:
            found[url] = Attachment(url=url, name=words_or_none(image.name) or "")
    return tuple(found.values())[:ATTACHMENTS_MAX]


def _web_address(url: str | None) -> str | None:
    if not url or len(url) > URL_MAX or not url.lower().startswith(("https://", "http://")):
        return None
    return storable(url)


def _as_of(conversation: shapes.Conversation, parts: Sequence[_Told]) -> int:
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
    parts: Sequence[_Told],
    thread: _Thread,
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
