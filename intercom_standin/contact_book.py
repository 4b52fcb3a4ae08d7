"""What happens to contacts: they appear, change, sign up, merge, are archived and deleted."""

from __future__ import annotations

from typing import Any

from intercom_standin import people_shapes
from intercom_standin.ledger import Change, Ledger, NotAllowed
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
            for name, value in fields.items():
                if name == "custom_attributes":
                    contact.custom_attributes = contact.custom_attributes | value
                elif name in ("name", "email", "phone", "external_id", "role"):
                    setattr(contact, name, value)
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
            # Observed in January 2026: the survivor, without the documented `merged_from`.
            self.tell_contact(change, "contact.merged", user)
        return change.outcome()

    def archive_contact(self, contact_id: str) -> Outcome:
        """Archive a contact."""
        return self._gone(contact_id, "archived")

    def delete_contact(self, contact_id: str) -> Outcome:
        """Delete a contact for good."""
        return self._gone(contact_id, "deleted")

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
