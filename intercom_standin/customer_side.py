"""What customers do: start a conversation, write in it, read it."""

from __future__ import annotations

from collections.abc import Sequence

from intercom_standin import irregular
from intercom_standin.bodies import html_of_typed_text, is_blank
from intercom_standin.contact_book import ContactBook, author_of
from intercom_standin.ledger import Change, NotAllowed
from intercom_standin.records import (
    NOBODY,
    Assignee,
    Author,
    Contact,
    Conversation,
    Json,
    Outcome,
    Part,
)


class CustomerSide(ContactBook):
    """Customers' doings, and how a part is added to a thread."""

    def customer_starts(
        self,
        text: str,
        *,
        contact_id: str | None = None,
        name: str | None = None,
        email: str | None = None,
        external_id: str | None = None,
        source_type: str = "conversation",
        subject: str = "",
        attachments: Sequence[Json] = (),
    ) -> Outcome:
        """Start a conversation, as `contact_id` or as a new contact; source_type may be email."""
        body = _customer_body(text, attachments)
        with self.changing() as change:
            if contact_id is None:
                contact = self._add_contact(change, name=name, email=email, external_id=external_id)
            else:
                contact = self.contact(contact_id)
            conversation = self._new_conversation(
                contact,
                author_of(contact),
                body,
                source_type=source_type,
                subject=subject,
                delivered_as="customer_initiated",
                attachments=attachments,
            )
            conversation.waiting_since = conversation.created_at
            change.conversation, change.contact = conversation, contact
            # Vendor rule: the message is `item.source`, there are no parts in this one.
            self.tell_conversation(change, ["conversation.user.created"], conversation)
        return change.outcome()

    def customer_replies(
        self, conversation_id: str, text: str, *, attachments: Sequence[Json] = ()
    ) -> Outcome:
        """Write in a conversation; a closed one is reopened by it."""
        body = _customer_body(text, attachments)
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            change.conversation = conversation
            change.contact = conversation.contact
            # Vendor rule: a reply to a closed conversation is an `open` part with a body.
            part_type = "open" if conversation.state == "closed" else "comment"
            conversation.state, conversation.snoozed_until = "open", None
            conversation.read = False
            conversation.waiting_since = conversation.waiting_since or self.now()
            change.part = self._add_part(
                conversation,
                part_type,
                author_of(conversation.contact),
                body=body,
                attachments=attachments,
            )
            self.tell_conversation(change, ["conversation.user.replied"], conversation, change.part)
            self._take_off_an_absent_admin(change, conversation)
        return change.outcome()

    def customer_reads(self, conversation_id: str) -> Outcome:
        """Open the messenger: conversation.read, which repeats up to four older parts."""
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            conversation.read = True
            change.conversation = conversation
            # Observed: this topic carries several parts that came before.
            parts = conversation.parts[-4:]
            self.tell_conversation(change, ["conversation.read"], conversation, *parts)
        return change.outcome()

    def attach_contact(self, conversation_id: str, contact_id: str) -> Outcome:
        """Let a teammate add another contact; notified as an internal dump (observed)."""
        return self._move_contact(conversation_id, contact_id, "attached")

    def detach_contact(self, conversation_id: str, contact_id: str) -> Outcome:
        """Let a teammate remove a contact that was attached."""
        return self._move_contact(conversation_id, contact_id, "detached")

    def _move_contact(self, conversation_id: str, contact_id: str, how: str) -> Outcome:
        with self.changing() as change:
            conversation, contact = self.conversation(conversation_id), self.contact(contact_id)
            there = contact in conversation.also
            if there == (how == "attached") or contact is conversation.contact:
                raise NotAllowed(f"the contact cannot be {how}")
            if there:
                conversation.also.remove(contact)
            else:
                conversation.also.append(contact)
            conversation.updated_at = self.now()
            change.conversation, change.contact = conversation, contact
            item = irregular.contact_moved(
                conversation,
                contact,
                self.author(self.teammates[0]),
                app_id=self.app_id,
                part_id=self.new_part_id(),
                at=self.now(),
            )
            topic = f"conversation.contact.{how}"
            self.tell(change, topic, item, conversation=conversation)
        return change.outcome()

    def _take_off_an_absent_admin(self, change: Change, conversation: Conversation) -> None:
        # Vendor rule (help 6522874): away with "reassign replies" takes the conversation away.
        holder = self.admins.get(conversation.holding.admin_id or 0)
        if holder is None or not (holder.away and holder.away_reassign):
            return
        part = self._add_part(conversation, "assignment", self.fin, assigned_to=NOBODY)
        self._tell_assigned(change, conversation, part)

    def _new_conversation(
        self,
        contact: Contact,
        author: Author,
        body: str,
        *,
        source_type: str,
        subject: str,
        delivered_as: str,
        attachments: Sequence[Json] = (),
    ) -> Conversation:
        at = self.now()
        conversation = Conversation(
            id=self.new_conversation_id(),
            source_id=self.new_part_id(),
            source_type=source_type,
            delivered_as=delivered_as,
            subject=f"<p>{html_of_subject(subject)}</p>" if subject else "",
            body=body,
            author=author,
            contact=contact,
            created_at=at,
            updated_at=at,
            attachments=tuple(attachments),
        )
        self.conversations[conversation.id] = conversation
        return conversation

    def _add_part(
        self,
        conversation: Conversation,
        part_type: str,
        author: Author,
        *,
        body: str | None = None,
        assigned_to: Assignee | None = None,
        attachments: Sequence[Json] = (),
        via_api: bool = False,
    ) -> Part:
        at = self.now()
        if assigned_to is not None:
            conversation.holding_before = conversation.holding
            conversation.holding = conversation.holding.after(assigned_to)
        part = Part(
            id=self.new_part_id(),
            part_type=part_type,
            body=body,
            created_at=at,
            updated_at=at,
            author=author,
            state=conversation.state,
            assigned_to=assigned_to,
            attachments=tuple(attachments),
            app_package_code=self.app_package_code if via_api else None,
        )
        conversation.parts.append(part)
        conversation.updated_at = at
        return part

    def _tell_assigned(self, change: Change, conversation: Conversation, part: Part) -> None:
        if part.assigned_to == NOBODY and not self.notifies_unassigning:
            return
        topics = ["conversation.admin.assigned"]
        if conversation.state == "open":
            topics.append("conversation.admin.open.assigned")
        self.tell_conversation(change, topics, conversation, part)


def html_of_subject(subject: str) -> str:
    """Escape an e-mail's subject."""
    return subject.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _customer_body(text: str, attachments: Sequence[Json]) -> str:
    body = html_of_typed_text(text)
    if is_blank(body) and not attachments:
        raise NotAllowed("a message needs a body")
    return body
