"""What of Intercom's payloads is read, as shapes that msgspec checks in one pass.

Only fields that some event needs are named, everything else may change or be absent. Required is
only what a fact cannot do without; a wrong type anywhere is told by its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError, convert
from msgspec.json import Decoder

from gateway.channels.intercom.names import INT64_MAX, LAST_SECOND, NAME_MAX
from gateway.errors import Unreadable

# "The newest 500 parts" (Intercom-OpenAPI, retrieveConversation); there is no way to older ones.
REST_PARTS_MAX = 500

_WholeNumber = Annotated[int, Meta(ge=-INT64_MAX, le=INT64_MAX)]
Id = _WholeNumber | Annotated[str, Meta(max_length=NAME_MAX)]
SureId = _WholeNumber | Annotated[str, Meta(min_length=1, max_length=NAME_MAX)]
When = Annotated[int, Meta(ge=0, le=LAST_SECOND)] | Annotated[str, Meta(max_length=40)]


class Author(Struct):
    """Who wrote a part: a user, lead, contact, admin, bot or team."""

    type: str
    id: Id | None = None
    name: str | None = None
    email: str | None = None


class Upload(Struct):
    """A file under a part."""

    url: str | None = None
    name: str | None = None
    content_type: str | None = None
    filesize: _WholeNumber | None = None


class Target(Struct):
    """Whom a part assigned (OA PR #643: null no change, `nobody_admin` unassigned)."""

    type: str
    id: Id | None = None


class Part(Struct):
    """Something that happened in a conversation."""

    id: SureId
    part_type: str
    created_at: When
    author: Author | None
    body: str | None = None
    assigned_to: Target | None = None
    # Preview only: the team that a part set together with the teammate.
    team_assignee_id: Id | None = None
    attachments: list[Upload] | None = None
    redacted: bool | None = None
    email_message_metadata: Any = None


class PartList(Struct):
    """The parts that a notification is about, or, read by REST, the newest 500."""

    conversation_parts: list[Part]
    total_count: Any = None


class Source(Struct):
    """The message that opened a conversation."""

    author: Author | None
    type: str | None = None
    subject: str | None = None
    body: str | None = None
    attachments: list[Upload] | None = None
    redacted: bool | None = None


class ContactReference(Struct):
    """A customer as a conversation names them."""

    id: SureId
    external_id: Id | None = None


class ContactList(Struct):
    """The customers in a conversation."""

    contacts: list[ContactReference]


class Conversation(Struct):
    """A conversation of API 2.5 and later, from a webhook or from REST."""

    id: SureId
    created_at: When | None = None
    updated_at: When | None = None
    source: Source | None = None
    contacts: ContactList | None = None
    # Absent says nothing; null says nobody.
    admin_assignee_id: Id | UnsetType | None = UNSET
    team_assignee_id: Id | UnsetType | None = UNSET
    state: str | None = None
    open: bool | None = None
    statistics: dict[str, Any] | None = None
    conversation_parts: PartList | None = None


class Listed(Struct):
    """A conversation in a list: without its parts."""

    id: SureId
    created_at: When | None = None
    updated_at: When | None = None
    admin_assignee_id: Id | UnsetType | None = UNSET
    team_assignee_id: Id | UnsetType | None = UNSET
    ai_agent_participated: Any = None


class ListedDeleted(Struct):
    """A conversation in the list of deleted ones (2.16)."""

    id: SureId
    deleted_at: When | None = None


class Made(Struct):
    """When a notification was made."""

    created_at: When | None = None


class DeletedConversation(Struct):
    """All that is left of a conversation; today without `id`."""

    conversation_id: Id | None = None
    id: Id | None = None


class Translated(Struct):
    """What customers read of a kind of mail."""

    name: str | None = None


class Label(Struct):
    """A tag, or a kind of mail that a contact gets or does not; in lists often without its name."""

    id: Id | None = None
    name: str | None = None
    default_translation: Translated | None = None


class Labels(Struct):
    """Some or all of a contact's; the spec allows null among them."""

    data: list[Label | None] | None = None
    has_more: bool | None = None


class Contact(Struct):
    """A contact, or the older user that `visitor.signed_up` still sends."""

    id: SureId
    role: str | None = None
    # Absent says nothing; null and "" say that there is none.
    name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    external_id: Id | UnsetType | None = UNSET
    user_id: Id | None = None
    updated_at: When | None = None
    tags: Labels | None = None
    unsubscribed_from_emails: bool | None = None
    opted_in_subscription_types: Labels | None = None
    opted_out_subscription_types: Labels | None = None
    custom_attributes: Any = None
    # Documented as "the contact merged away", absent in January 2026; read in every likely form.
    merged_from: Id | ContactReference | list[ContactReference | Id] | None = None


class WithContact(Struct):
    """A shape around a contact: tags, subscriptions, participants."""

    contact: Contact
    tag: Label | None = None
    subscription_types: Labels | None = None


class Admin(Struct):
    """A teammate."""

    id: SureId
    name: str | None = None
    email: str | None = None
    away_mode_enabled: bool | None = None


# msgspec learns a shape when it is first used, and the process dies if two threads do that at once
# (0.22). While a module is imported there is only one.
for _shape in Struct.__subclasses__():
    Decoder(_shape)

Shape = TypeVar("Shape", bound=Struct)


def read(item: Mapping[str, Any], shape: type[Shape], where: str = "data.item") -> Shape:
    """Read `item` as `shape`; raise Unreadable, naming the field and what was expected of it."""
    try:
        return convert(item, shape)
    except ValidationError as error:
        raise Unreadable(str(error).replace("`$", f"`{where}")) from error
