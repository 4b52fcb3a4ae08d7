"""The workspace: all that customers, teammates and bots can do in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from intercom_standin import people_shapes
from intercom_standin.bodies import html_of_api_body, html_of_typed_text, is_blank
from intercom_standin.customer_side import CustomerSide
from intercom_standin.ledger import NotAllowed, NotThere
from intercom_standin.records import (
    NOBODY,
    Admin,
    Assignee,
    Author,
    Conversation,
    Json,
    Outcome,
    Team,
)

Who = str | int | Admin


class World(CustomerSide):
    """A workspace in memory. Every operation is atomic and returns an Outcome.

    `by` is an admin, an admin's id, or "fin" for Intercom's own bot.
    """

    def admin_replies(
        self,
        conversation_id: str,
        by: Who,
        text: str,
        *,
        attachments: Sequence[Json] = (),
        via_api: bool = False,
    ) -> Outcome:
        """Answer the customer; through the API `text` is HTML and sanitised."""
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            author = self.author(by)
            body = _body(text, via_api, attachments)
            topics = ["conversation.admin.replied"]
            assigned_to: Assignee | None = None
            part_type = "comment"
            if conversation.state == "closed":
                # Observed: an admin's reply that reopens is an `open` part with a body.
                part_type, conversation.state = "open", "open"
                topics.append("conversation.admin.opened")
            elif self._reply_assigns(conversation, author, via_api):
                # Observed: one part, type assignment, with a body that the customer sees;
                # it arrives under the assigned topics and under replied.
                part_type, assigned_to = "assignment", Assignee("admin", author.id)
                topics += ["conversation.admin.assigned", "conversation.admin.open.assigned"]
            if conversation.state == "snoozed":
                conversation.state, conversation.snoozed_until = "open", None
            conversation.waiting_since = None
            change.conversation = conversation
            change.part = self._add_part(
                conversation,
                part_type,
                author,
                body=body,
                assigned_to=assigned_to,
                attachments=attachments,
                via_api=via_api,
            )
            self.tell_conversation(change, topics, conversation, change.part)
        return change.outcome()

    def admin_notes(
        self, conversation_id: str, by: Who, text: str, *, via_api: bool = False
    ) -> Outcome:
        """Leave a note that the customer never sees."""
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            body = _body(text, via_api, ())
            change.conversation = conversation
            change.part = self._add_part(
                conversation, "note", self.author(by), body=body, via_api=via_api
            )
            topics = ["conversation.admin.noted"]
            self.tell_conversation(change, topics, conversation, change.part)
        return change.outcome()

    def admin_starts(self, by: Who, text: str, *, contact_id: str) -> Outcome:
        """Start a conversation with a customer."""
        with self.changing() as change:
            contact = self.contact(contact_id)
            conversation = self._new_conversation(
                contact,
                self.author(by),
                _body(text, False, ()),
                source_type="conversation",
                subject="",
                delivered_as="admin_initiated",
            )
            change.conversation, change.contact = conversation, contact
            self.tell_conversation(change, ["conversation.admin.single.created"], conversation)
        return change.outcome()

    def fin_writes(
        self, conversation_id: str, text: str, *, part_type: str = "comment", is_answer: bool = True
    ) -> Outcome:
        """Let Fin (or the operator bot) write."""
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            author = replace(self.fin, from_ai_agent=is_answer, is_ai_answer=is_answer)
            conversation.ai_agent_participated |= is_answer
            change.conversation = conversation
            change.part = self._add_part(
                conversation, part_type, author, body=_body(text, False, ())
            )
            # Observed (community 14573): a bot's message may come under both topics.
            topics = ["conversation.operator.replied", "conversation.admin.replied"]
            self.tell_conversation(change, topics, conversation, change.part)
        return change.outcome()

    def assign(
        self,
        conversation_id: str,
        to: str | int | Admin | Team,
        *,
        by: Who | None = None,
        via_api: bool = False,
    ) -> Outcome:
        """Change the assignee: "admin:ID", "team:ID", "nobody", "bot" (the AI's seat), "fin"."""
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            assignee = self.assignee(to)
            author = self.author(by if by is not None else self.teammates[0])
            change.conversation = conversation
            was_closed = conversation.state == "closed"
            if was_closed:
                conversation.state = "open"
            change.part = self._add_part(
                conversation,
                "assign_and_reopen" if was_closed else "assignment",
                author,
                assigned_to=assignee,
                via_api=via_api,
            )
            if was_closed:
                # Observed: assigning a closed conversation arrives under this topic only.
                topics = ["conversation.admin.opened"]
                self.tell_conversation(change, topics, conversation, change.part)
            else:
                self._tell_assigned(change, conversation, change.part)
        return change.outcome()

    def close(
        self, conversation_id: str, by: Who, *, text: str = "", via_api: bool = False
    ) -> Outcome:
        """Close a conversation, with a last message to the customer if `text` is given."""
        body = _body(text, via_api, ()) if text else None
        return self._set_state(conversation_id, by, "closed", body=body, via_api=via_api)

    def open(self, conversation_id: str, by: Who, *, via_api: bool = False) -> Outcome:
        """Reopen a conversation."""
        return self._set_state(conversation_id, by, "open", via_api=via_api)

    def snooze(
        self, conversation_id: str, by: Who, *, until: int | None = None, via_api: bool = False
    ) -> Outcome:
        """Snooze a conversation (for a day unless `until`, Unix seconds, is given)."""
        wake = until if until is not None else self.now() + 86_400
        return self._set_state(conversation_id, by, "snoozed", until=wake, via_api=via_api)

    def unsnooze(self, conversation_id: str, by: Who = "fin") -> Outcome:
        """Wake a snoozed conversation; by default its time has come."""
        if self.snapshot(conversation_id).state != "snoozed":
            raise NotAllowed("the conversation is not snoozed")
        return self._set_state(conversation_id, by, "open")

    def redact(self, conversation_id: str, part_id: str) -> Outcome:
        """Remove a part's words for good. Raises NotAllowed where there are none."""
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            change.conversation = conversation
            ids = [part.id for part in conversation.parts]
            if part_id not in ids:
                raise NotThere("not_found", "Conversation part not found")
            index = ids.index(part_id)
            part = conversation.parts[index]
            if part.body is None:
                raise NotAllowed("a part without a body cannot be redacted")
            change.part = conversation.parts[index] = replace(
                part,
                body="<p><i>This message was deleted</i></p>",
                attachments=(),
                redacted=True,
                updated_at=self.now(),
            )
            conversation.updated_at = self.now()
            topics = ["conversation_part.redacted"]
            self.tell_conversation(change, topics, conversation, change.part)
        return change.outcome()

    def delete_conversation(self, conversation_id: str) -> Outcome:
        """Delete a conversation for good."""
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            change.conversation = conversation
            del self.conversations[conversation.id]
            self.deleted.append((conversation.id, self.now()))
            # Observed: the item has `conversation_id` and no `id`.
            item = {"type": "conversation", "conversation_id": conversation.id}
            self.tell(change, "conversation.deleted", item, conversation=conversation)
        return change.outcome()

    def set_away(self, admin_id: str | int, *, away: bool, reassign: bool = False) -> Outcome:
        """Set an admin's away mode."""
        with self.changing() as change:
            admin = self.admin(admin_id)
            admin.away, admin.away_reassign = away, reassign
            item = people_shapes.webhook_admin(admin, list(self.teams.values()))
            self.tell(change, "admin.away_mode_updated", item)
        return change.outcome()

    def assignee(self, to: str | int | Admin | Team) -> Assignee:
        """Read an assignee as `assign` takes it. Raises NotThere."""
        if isinstance(to, Team):
            return Assignee("team", str(to.id))
        if isinstance(to, Admin):
            return Assignee("admin", str(to.id))
        word, _, number = str(to).partition(":")
        if word == "nobody":
            return NOBODY
        if word == "fin":
            return Assignee("bot", self.fin.id)
        if word == "bot":
            return Assignee("admin", str(self.bot_seat.id))
        if word == "team":
            return Assignee("team", str(self.team(number).id))
        return Assignee("admin", str(self.admin(number or word).id))

    def _reply_assigns(self, conversation: Conversation, author: Author, via_api: bool) -> bool:
        if author.type != "admin" or conversation.state != "open":
            return False
        return conversation.holding.admin_id is None and (self.api_reply_assigns or not via_api)

    def _set_state(
        self,
        conversation_id: str,
        by: Who,
        state: str,
        *,
        until: int | None = None,
        body: str | None = None,
        via_api: bool = False,
    ) -> Outcome:
        with self.changing() as change:
            conversation = self.conversation(conversation_id)
            author = self.author(by)
            woken = conversation.state == "snoozed" and state == "open"
            conversation.state, conversation.snoozed_until = state, until
            if state == "closed":
                conversation.waiting_since = None
            change.conversation = conversation
            # Vendor rule: parts are close, open, snoozed, unsnoozed; topics end differently.
            part_type = {"closed": "close", "snoozed": "snoozed"}.get(
                state, "unsnoozed" if woken else "open"
            )
            topic_end = {"closed": "closed", "snoozed": "snoozed"}.get(
                state, "unsnoozed" if woken else "opened"
            )
            change.part = self._add_part(
                conversation, part_type, author, body=body, via_api=via_api
            )
            topics = [f"conversation.admin.{topic_end}"]
            self.tell_conversation(change, topics, conversation, change.part)
        return change.outcome()


def _body(text: str, via_api: bool, attachments: Sequence[Json]) -> str:
    body = html_of_api_body(text) if via_api else html_of_typed_text(text)
    if is_blank(body) and not attachments:
        # Observed (vita-min #1181): blank bodies are refused.
        raise NotAllowed("body cannot be blank")
    return body
