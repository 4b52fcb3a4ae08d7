"""Every table, and what it holds of a person: nothing is exported or erased that is not named here.

A new table must be placed in one of the two; a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, and_, or_, select, tuple_

from gateway.privacy.person import Person
from gateway.store.models import (
    AuditEntry,
    Base,
    ChatSession,
    Contact,
    ContactChange,
    ContactDetail,
    ContactIdentity,
    ContactJoin,
    ContactParting,
    ContactPush,
    Conversation,
    Doubt,
    Draft,
    ErasedIdentity,
    Erasure,
    EventDelivery,
    FactRow,
    FileRow,
    InboxDelivery,
    Installation,
    JournalRow,
    Message,
    Offer,
    Push,
    Rating,
    ReadMark,
    Repair,
    StretchRow,
    TurnRow,
    Visitor,
    WaitMail,
)

Which = Callable[[Person], ColumnElement[bool]]


def _of_files(person: Person) -> ColumnElement[bool]:
    uploaded = and_(FileRow.owner_kind == "visitor", FileRow.owner_id.in_(person.names))
    return or_(FileRow.conversation_id.in_(person.conversations), uploaded)


def _of_deliveries(person: Person) -> ColumnElement[bool]:
    theirs = (
        select(Conversation.id)
        .join(Installation, Installation.id == Conversation.installation_id)
        .where(
            Conversation.contact_id.in_(person.members),
            Conversation.external_id == InboxDelivery.conversation,
            Conversation.channel == InboxDelivery.channel,
            Installation.external_id == InboxDelivery.installation,
        )
    )
    external = select(Conversation.external_id).where(Conversation.contact_id.in_(person.members))
    return and_(InboxDelivery.conversation.in_(external), theirs.exists())


PERSONAL: Mapping[type[Base], Which] = {
    Contact: lambda person: Contact.id.in_(person.members),
    ContactIdentity: lambda person: ContactIdentity.contact_id.in_(person.members),
    ContactPush: lambda person: tuple_(ContactPush.installation_id, ContactPush.external_id).in_(
        select(ContactIdentity.installation_id, ContactIdentity.external_id).where(
            ContactIdentity.contact_id.in_(person.members)
        )
    ),
    ContactDetail: lambda person: ContactDetail.contact_id.in_(person.members),
    ContactChange: lambda person: ContactChange.contact_id.in_(person.members),
    ContactJoin: lambda person: or_(
        ContactJoin.from_id.in_(person.members), ContactJoin.into_id.in_(person.members)
    ),
    ContactParting: lambda person: or_(
        ContactParting.one_id.in_(person.members), ContactParting.other_id.in_(person.members)
    ),
    Visitor: lambda person: Visitor.id.in_(person.visitors),
    Conversation: lambda person: Conversation.contact_id.in_(person.members),
    ChatSession: lambda person: ChatSession.conversation_id.in_(person.conversations),
    Message: lambda person: Message.conversation_id.in_(person.conversations),
    FactRow: lambda person: FactRow.conversation_id.in_(person.conversations),
    TurnRow: lambda person: TurnRow.conversation_id.in_(person.conversations),
    Push: lambda person: Push.conversation_id.in_(person.conversations),
    Draft: lambda person: Draft.session_id.in_(person.sessions),
    StretchRow: lambda person: StretchRow.session_id.in_(person.sessions),
    Offer: lambda person: Offer.session_id.in_(person.sessions),
    ReadMark: lambda person: ReadMark.session_id.in_(person.sessions),
    Rating: lambda person: Rating.session_id.in_(person.sessions),
    WaitMail: lambda person: WaitMail.session_id.in_(person.sessions),
    Repair: lambda person: Repair.conversation_id.in_(person.conversations),
    Doubt: lambda person: Doubt.conversation_id.in_(person.conversations),
    FileRow: _of_files,
    InboxDelivery: _of_deliveries,
    JournalRow: lambda person: or_(
        JournalRow.conversation_id.in_(person.conversations),
        JournalRow.contact_id.in_(person.members),
    ),
    EventDelivery: lambda person: or_(
        EventDelivery.session_id.in_(person.sessions),
        EventDelivery.contact_id.in_(person.members),
    ),
    AuditEntry: lambda person: or_(
        AuditEntry.object_id.in_(person.members), AuditEntry.object_id.in_(person.sessions)
    ),
    ErasedIdentity: lambda person: ErasedIdentity.contact_id.in_(person.members),
    Erasure: lambda person: Erasure.contact_id.in_(person.members),
}
"""Which rows of a table are about a person."""

IMPERSONAL: Mapping[str, str] = {
    "idempotent_answers": "copies of what the API answered, for a day: emptied by an erasure",
    "known_configuration": "the settings",
    "audit_horizon": "a time",
    "journal_head": "places in the journal",
    "subscribers": "programs of the workspace",
    "operators": "people inside",
    "operator_identities": "people inside",
    "operator_read_marks": "what people inside have read",
    "operator_links": "people inside",
    "operator_avatars": "people inside",
    "tokens": "people inside",
    "signins": "people inside",
    "password_guesses": "people inside, and who tries to be one",
    "teams": "people inside",
    "team_members": "people inside",
    "days_off": "people inside",
    "staff": "people inside",
    "app_installations": "workspaces",
    "app_consents": "people inside, on their way to Intercom and back",
    "claims": "who works on what just now",
    "installations": "workspaces",
    "reconciliations": "counts",
    "backfills": "counts",
    "past_conversations": "ids of conversations that are to be read",
    "answer_minutes": "counts",
    "heard_topics": "counts",
    "heard_hours": "counts",
    "sightings": "what a channel looked like",
    "findings": "what is wrong with a channel",
    "alerts": "what was wrong with a channel",
    "alert_notices": "who was told of it",
}
"""Tables without anything of a person, and what they hold."""
