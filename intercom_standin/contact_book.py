"""What happens to contacts: they appear, change, sign up, merge, are tagged, archived, deleted."""

from __future__ import annotations

import zlib
from typing import Any

from intercom_standin import people_shapes
from intercom_standin.ledger import Change, Ledger, NotAllowed, Taken
from intercom_standin.records import Author, Contact, Outcome


class ContactBook(Ledger):
    """The workspace's contacts."""

    def add_contact(
        self,
        name: str | None = None,
        *,
        email: str | None = None,
        phone: str | None = None,
        external_id: str | None = None,
        role: str | None = None,
        tell: bool = True,
    ) -> Outcome:
        """Add a contact: a user if it has an e-mail or external id, else a lead."""
        with self.changing() as change:
            change.contact = self._add_contact(
                change,
                name=name,
                email=email,
                phone=phone,
                external_id=external_id,
                role=role,
                tell=tell,
            )
        return change.outcome()

    def update_contact(self, contact_id: str, **fields: Any) -> Outcome:
        """Change name, email, phone, external_id, role or custom_attributes."""
        with self.changing() as change:
            contact = self.contact(contact_id)
            before = contact.email
            self._refuse_a_second(contact, fields)
            for name, value in fields.items():
                if name == "custom_attributes":
                    contact.custom_attributes = contact.custom_attributes | value
                elif name in ("name", "email", "phone", "external_id", "role"):
                    # Observed: a contact without an address has "".
                    setattr(contact, name, "" if name == "email" and value is None else value)
                else:
                    raise NotAllowed(f"a contact has no field {name}")
            contact.updated_at = self.clock()
            change.contact = contact
            self.tell_contact(change, f"contact.{contact.role}.updated", contact)
            if contact.email != before:
                # Observed: one e-mail edit fires both topics.
                self.tell_contact(change, "contact.email.updated", contact)
        return change.outcome()

    def lead_signs_up(self, contact_id: str, *, email: str, external_id: str) -> Outcome:
        """Turn a lead into a user under the same id."""
        with self.changing() as change:
            contact = self.contact(contact_id)
            if contact.role != "lead":
                raise NotAllowed("only a lead can sign up")
            contact.role, contact.email, contact.external_id = "user", email, external_id
            contact.updated_at = self.clock()
            change.contact = contact
            self.tell_contact(change, "contact.lead.signed_up", contact)
        return change.outcome()

    def merge_contacts(self, lead_id: str, into_id: str) -> Outcome:
        """Merge a lead into a user: the lead's id is gone, its conversations move."""
        with self.changing() as change:
            lead, user = self.contact(lead_id), self.contact(into_id)
            if lead is user or lead.role != "lead":
                raise NotAllowed("only a lead can be merged, into another contact", "invalid_merge")
            lead.merged_into = user.id
            user.updated_at = self.clock()
            for conversation in self.conversations.values():
                if conversation.contact is lead:
                    conversation.contact = user
            change.contact = user
            item = people_shapes.webhook_contact(user, app_id=self.app_id)
            if self.tells_merged_from:
                item["merged_from"] = {"type": "contact", "id": lead.id}
            self.tell(change, "contact.merged", item)
        return change.outcome()

    def tag_contact(self, contact_id: str, name: str, *, on: bool = True) -> Outcome:
        """Give a contact a tag, or (`on` false) take it away."""
        with self.changing() as change:
            contact = self.contact(contact_id)
            tag_id = str(9_100_000 + zlib.crc32(name.encode()) % 100_000)
            if (tag_id in contact.tags) is on:
                raise NotAllowed("the tag is there already" if on else "there is no such tag")
            if on:
                contact.tags[tag_id] = name
            else:
                del contact.tags[tag_id]
            contact.updated_at = self.clock()
            change.contact = contact
            topic = f"contact.{contact.role}.tag.{'created' if on else 'deleted'}"
            item = people_shapes.webhook_contact_tag(contact, tag_id, name, app_id=self.app_id)
            self.tell(change, topic, item)
        return change.outcome()

    def subscribe_contact(self, contact_id: str, name: str = "", *, on: bool = True) -> Outcome:
        """Let a contact choose a kind of mail, or all of it (no name); `on` false: not get it."""
        with self.changing() as change:
            contact = self.contact(contact_id)
            mail_id = str(37_000 + zlib.crc32(name.encode()) % 1_000) if name else ""
            if mail_id:
                contact.mail[mail_id] = (name, on)
            else:
                contact.no_mail = not on
            contact.updated_at = self.clock()
            change.contact = contact
            item = people_shapes.webhook_contact_subscribe(
                contact, mail_id, name, app_id=self.app_id
            )
            self.tell(change, f"contact.{'subscribed' if on else 'unsubscribed'}", item)
        return change.outcome()

    def archive_contact(self, contact_id: str) -> Outcome:
        """Archive a contact."""
        return self._gone(contact_id, "archived")

    def unarchive_contact(self, contact_id: str) -> Outcome:
        """Take a contact out of the archive."""
        with self.changing() as change:
            contact = self.contact(contact_id)
            contact.archived = False
            contact.updated_at = self.clock()
            change.contact = contact
            self.tell_contact(change, "contact.unarchive", contact)
        return change.outcome()

    def delete_contact(self, contact_id: str) -> Outcome:
        """Delete a contact for good."""
        return self._gone(contact_id, "deleted")

    def _refuse_a_second(self, contact: Contact, fields: dict[str, Any]) -> None:
        # Vendor rule (updateContact): the e-mail address of users, and external ids, are unique.
        role = fields.get("role") or contact.role
        for other in self.contacts.values():
            if other is contact or other.deleted or other.merged_into is not None:
                continue
            external_id, email = fields.get("external_id"), fields.get("email")
            taken = external_id and other.external_id == external_id
            taken = taken or (email and role == other.role == "user" and other.email == email)
            if taken:
                raise Taken(f"A contact matching those details already exists with id={other.id}")

    def _gone(self, contact_id: str, how: str) -> Outcome:
        with self.changing() as change:
            contact = self.contact(contact_id)
            setattr(contact, how, True)
            change.contact = contact
            item = people_shapes.webhook_contact_gone(contact, flag=how)
            self.tell(change, f"contact.{how}", item)
        return change.outcome()

    def _add_contact(
        self,
        change: Change,
        *,
        name: str | None,
        email: str | None = None,
        phone: str | None = None,
        external_id: str | None = None,
        role: str | None = None,
        tell: bool = True,
    ) -> Contact:
        at = self.clock()
        contact = Contact(
            id=self.new_contact_id(),
            role=role or ("user" if email or external_id else "lead"),
            name=name,
            # Observed: a contact without an address has "".
            email=email or "",
            phone=phone,
            external_id=external_id,
            created_at=at,
            updated_at=at,
        )
        self.contacts[contact.id] = contact
        if tell:
            self.tell_contact(change, f"contact.{contact.role}.created", contact)
        return contact


def author_of(contact: Contact) -> Author:
    """Return the contact as the author of a part: `user` or `lead`."""
    return Author(type=contact.role, id=contact.id, name=contact.name, email=contact.email)
