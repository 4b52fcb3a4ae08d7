"""One part of a conversation, or the message that opened it, turned into facts.

Decided by who wrote it and what is in it. A part's facts carry the part's own id and are told apart
by their kind; the opening message is `source:<conversation>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.channels.intercom import shapes
from gateway.channels.intercom.markup import (
    SILENCE,
    Words,
    is_html,
    read_html,
    read_text,
    without_placeholders,
)
from gateway.channels.intercom.names import micros_of, words_or_none
from gateway.channels.intercom.people import Seats, actor_of
from gateway.channels.markup import storable
from gateway.errors import Unreadable
from gateway.events import (
    STEP_ASSIGNED,
    STEP_CLOSED,
    STEP_REOPENED,
    STEP_SAID,
    Actor,
    Assigned,
    Assignee,
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
class Thread:
    """What every part of one conversation is told with."""

    id: str
    contact: str | None
    email: bool
    plain: bool
    seats: Seats


@dataclass(frozen=True, slots=True)
class Told:
    """A part with its id, time and assignment made uniform."""

    part: shapes.Part
    id: str
    at: int
    number: int
    to: Assignee | None

    def position(self, step: int) -> Position:
        return Position(self.at, self.number, step)


def opening_to_events(
    conversation: shapes.Conversation, source: shapes.Source, thread: Thread
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


def part_to_events(told: Told, thread: Thread) -> list[Event]:
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


def _said(told: Told, by: Actor, thread: Thread) -> MessageReceived | NoteAdded | None:
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


def _words(body: str | None, thread: Thread) -> Words:
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
