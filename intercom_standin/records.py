"""What a workspace is made of: people, conversations, parts and the notifications about them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]


@dataclass(kw_only=True)
class Admin:
    """A teammate's seat; the AI works from one too, there is no bot kind of seat."""

    id: int
    name: str
    email: str
    is_bot_seat: bool = False
    away: bool = False
    away_reassign: bool = False


@dataclass(kw_only=True)
class Team:
    """A team inbox and the admins in it."""

    id: int
    name: str
    admin_ids: list[int] = field(default_factory=list)


@dataclass(kw_only=True)
class Contact:
    """A customer: a `lead` (anonymous so far) or a `user`."""

    id: str
    role: str
    name: str | None
    email: str | None
    phone: str | None
    external_id: str | None
    created_at: float
    updated_at: float
    custom_attributes: Json = field(default_factory=dict)
    archived: bool = False
    deleted: bool = False
    merged_into: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    # Kinds of mail by id: the name, and whether the contact gets them.
    mail: dict[str, tuple[str, bool]] = field(default_factory=dict)
    no_mail: bool = False


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who wrote a part; its id is a string here, unlike an admin's own id."""

    type: str
    id: str
    name: str | None
    email: str | None
    from_ai_agent: bool = False
    is_ai_answer: bool = False


@dataclass(frozen=True)
class Assignee:
    """A part's `assigned_to`: admin, team, bot or nobody_admin (with a null id)."""

    type: str
    id: str | None


NOBODY = Assignee("nobody_admin", None)


@dataclass(frozen=True)
class Holding:
    """Who holds a conversation: a teammate and a team may do so together."""

    admin_id: int | None = None
    team_id: int | None = None
    bot_id: str | None = None

    def after(self, to: Assignee) -> Holding:
        """Return the holding once `to` was assigned."""
        if to.type == "team":
            # Vendor rule (help article 6561699): assigning a team removes the teammate.
            return Holding(team_id=int(to.id or 0))
        if to.type == "admin":
            # Vendor rule (same article): assigning a teammate keeps the team.
            return Holding(admin_id=int(to.id or 0), team_id=self.team_id)
        if to.type == "bot":
            return Holding(team_id=self.team_id, bot_id=to.id)
        return Holding()


@dataclass(frozen=True, kw_only=True)
class Part:
    """One entry of a conversation's thread; `body` is HTML, `state` the state it left behind."""

    id: str
    part_type: str
    body: str | None
    created_at: int
    updated_at: int
    author: Author
    state: str
    assigned_to: Assignee | None = None
    attachments: tuple[Json, ...] = ()
    redacted: bool = False
    app_package_code: str | None = None


@dataclass(kw_only=True)
class Conversation:
    """A thread with one customer; its first message is its `source`, not a part."""

    id: str
    source_id: str
    source_type: str
    delivered_as: str
    subject: str
    body: str
    author: Author
    contact: Contact
    created_at: int
    updated_at: int
    attachments: tuple[Json, ...] = ()
    state: str = "open"
    read: bool = False
    priority: bool = False
    title: str = ""
    snoozed_until: int | None = None
    waiting_since: int | None = None
    holding: Holding = Holding()
    holding_before: Holding = Holding()
    ai_agent_participated: bool = False
    source_redacted: bool = False
    custom_attributes: Json = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    also: list[Contact] = field(default_factory=list)  # contacts attached later

    def copy(self) -> Conversation:
        """Return a copy that later changes do not reach (parts are frozen)."""
        return replace(
            self,
            contact=replace(self.contact),
            custom_attributes=dict(self.custom_attributes),
            parts=list(self.parts),
            also=[replace(one) for one in self.also],
        )


@dataclass(frozen=True, kw_only=True)
class Notification:
    """One `notif_…` to be posted; `item` was serialised when it happened."""

    id: str | None
    topic: str
    created_at: int
    item: Json = field(repr=False)
    conversation_id: str | None = None
    part_id: str | None = None
    holding_before: Holding | None = None
    attempt: int = 1
    failures: int = 0
    throttled_s: float = 0.0
    first_sent_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an operation did: copies of what it touched and the notifications it caused."""

    conversation: Conversation | None = None
    contact: Contact | None = None
    part: Part | None = None
    notifications: tuple[Notification, ...] = ()

    @property
    def conversation_id(self) -> str:
        """The conversation's id; raises ValueError where there is none."""
        if self.conversation is None:
            raise ValueError("this operation touched no conversation")
        return self.conversation.id

    @property
    def part_id(self) -> str:
        """The new part's id; raises ValueError where there is none."""
        if self.part is None:
            raise ValueError("this operation made no part")
        return self.part.id

    @property
    def topics(self) -> list[str]:
        """The topics of the notifications, in the order in which they happened."""
        return [notification.topic for notification in self.notifications]
