"""What happened: the one vocabulary in which every channel reports and the core records.

A channel translates what it receives into these; nothing above `channels/` knows its own words.
Every `Happened` lies in one conversation, at one `Position`, under an id that the channel gave it:
conversation, kind and id together say which fact it is, however often it is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from gateway.ladder import LadderAct, WaitStep

AuthorKind = Literal["customer", "ai", "operator", "bot", "system"]
AssigneeKind = Literal["ai", "operator", "team", "bot", "nobody"]
Trigger = Literal["manual", "automatic", "customer_request", "assignee", "reply", "fault", "rule"]


class Position(NamedTuple):
    """Where a fact stands in its conversation: the channel's order, never the order of arrival.

    `at` is the channel's time in microseconds since 1970, `number` the channel's own id as a number
    (ids grow within one second), `step` tells apart what one report says twice: a reply that also
    assigns is assigned first, then said.
    """

    at: int
    number: int = 0
    step: int = 0


ORIGIN = Position(0)

# The place after everything else of the same moment.
LAST_NUMBER = 2**63 - 1

# The steps of one report, in the order in which a reader would tell them.
STEP_REOPENED, STEP_ASSIGNED, STEP_SAID, STEP_CLOSED, STEP_SEEN = 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it. `ai` is the bot's own seat, `bot` another bot, `operator` a person inside."""

    kind: AuthorKind
    id: str | None = None
    name: str | None = None


SYSTEM = Actor(kind="system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignee:
    """Who holds a conversation in its channel. A teammate beats the team he or she stands in."""

    kind: AssigneeKind
    id: str | None = None
    team: str | None = None


NOBODY = Assignee(kind="nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a message; `url` may expire, `size` is in bytes where it is known.

    `file` is the id of one that we keep: its address then is whatever door its reader comes by.
    The sides of a picture are in pixels.
    """

    url: str
    name: str = ""
    content_type: str = ""
    size: int | None = None
    file: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that a channel, a person at our doors, or the gateway itself brought about.

    `moment` is when it truly happened (µs), where its place in the channel's order is coarser.
    """

    conversation: str
    id: str
    at: Position
    moment: int = 0

    @property
    def happened_at(self) -> int:
        """Microseconds since 1970."""
        return self.moment or self.at.at


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(Happened):
    """A public message. `text` is plain, `html` is sanitised. `via` is "email" or "chat".

    `unread_since` (µs) is told of an answer of the AI's: since when words stood that it had not
    been told of, and so did not answer.
    """

    author: Actor
    text: str
    html: str = ""
    attachments: Sequence[Attachment] = ()
    via: Literal["chat", "email"] = "chat"
    contact: str | None = None
    unread_since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded(Happened):
    """Words among the people inside; never shown to the customer or to the AI."""

    author: Actor
    text: str
    html: str = ""
    attachments: Sequence[Attachment] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned(Happened):
    """An assignment that the channel reports as an act. `settles` names our own push behind it."""

    to: Assignee
    by: Actor
    settles: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssigneeSeen(Happened):
    """Who held the conversation when something else was reported.

    A snapshot may be stale, so it may only move towards silence; a read of the channel's own record
    (`read`) may also give a conversation back to the AI.
    """

    assignee: Assignee
    read: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Happened):
    """The conversation was closed."""

    by: Actor
    settles: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(Happened):
    """The conversation was opened again without a customer's word."""

    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoozed(Happened):
    """The conversation was put aside (`on`) or taken up again."""

    by: Actor
    on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationDeleted(Happened):
    """The channel no longer has the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver(Happened):
    """The gateway gave the session to people: a supervisor, the AI agent or a fault asked."""

    trigger: Trigger
    by: Actor
    reason: str = ""
    to: Assignee = NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsibleSet(Happened):
    """Who answers for a session that people hold, said through our doors.

    Somebody accepted it, was assigned, or gave it back to those who wait for work (`released`);
    `to` is then nobody, or the team in which it waits.
    """

    how: Literal["accepted", "assigned", "released"]
    to: Assignee
    name: str | None = None
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed(Happened):
    """A customer had waited too long on one step of the ladder, and something was done about it.

    `since` (µs) says which wait it was: a deadline of an earlier one changes nothing.
    """

    step: WaitStep
    since: int
    did: LadderAct


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedBack(Happened):
    """The AI was put back in charge: by a person through our doors, or by a deadline."""

    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class CopilotSet(Happened):
    """An operator took the session with (`on`) or without the AI drafting for them."""

    by: Actor
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Happened):
    """The gateway ended the session: an operator, the AI agent, or the idle timeout."""

    by: Actor
    reason: str = ""


Fact = (
    MessageReceived
    | NoteAdded
    | Assigned
    | AssigneeSeen
    | Closed
    | Reopened
    | Snoozed
    | ConversationDeleted
    | HandedOver
    | ResponsibleSet
    | DeadlinePassed
    | HandedBack
    | CopilotSet
    | Finished
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRedacted:
    """The channel took a message's words away; ours go too."""

    conversation: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametersSet:
    """What a channel knows of the session that a conversation is in, or that is opened just now.

    The AI is told of it, people are shown it. Nobody is in charge by it, so it is no fact. `over`:
    it replaces what is known under these names; else it adds what is not.
    """

    conversation: str
    values: Mapping[str, Any]
    over: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMarks:
    """What a channel keeps of a customer besides details; None and nothing: it does not say.

    `tags` are all of them, by id (an empty name is not told); `tagged` and `untagged` are one more,
    one less. `lists` are kinds of mail by id: the name, and whether the customer gets them;
    `no_mail`: they get none. `archived`: put away, and not gone.
    """

    tags: Mapping[str, str] | None = None
    tagged: Mapping[str, str] = field(default_factory=dict)
    untagged: Sequence[str] = ()
    lists: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    no_mail: bool | None = None
    archived: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSeen:
    """What a channel says of a customer. Missing details are None; only what is `cleared` goes.

    `merged` lists ids that now mean this contact; `absorbed`: there are some that are not told.
    `as_of` is the channel's time of the details in microseconds (0: unknown), so an older report
    never overwrites a newer one. `level` is how far the details can be trusted: anonymous (nobody
    said them), claimed, verified; `verified` names those that the channel vouches for, whatever the
    others are. `custom` are fields of our own that the channel keeps as well, by `custom.<field>`.
    """

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    external_id: str | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    cleared: Sequence[str] = ()
    merged: Sequence[str] = ()
    absorbed: bool = False
    deleted: bool = False
    marks: ContactMarks | None = None
    as_of: int = 0
    level: Literal["anonymous", "claimed", "verified"] = "claimed"
    verified: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSeen:
    """A person, team or bot that works in the channel, as last seen there.

    `reassigns`: while away, the channel takes conversations off them.
    """

    kind: Literal["operator", "team", "bot", "ai"]
    id: str
    name: str | None = None
    email: str | None = None
    away: bool | None = None
    reassigns: bool | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecognised:
    """An authentic report of something that this version does not treat; kept, never an error."""

    topic: str


Event = Fact | MessageRedacted | ParametersSet | ContactSeen | StaffSeen | Unrecognised


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One authentic notification, translated.

    `installation` is the channel's own name of the workspace it came from ("" if the channel has
    just one), `id` the channel's id of the delivery, None where it gives none.
    """

    installation: str
    id: str | None
    topic: str
    events: Sequence[Event]


# -- the conversation between the gateway and an AI agent ------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnMessage:
    """One public message as the AI agent is told it. `new`: not yet part of an earlier turn."""

    id: str
    author: Actor
    text: str
    occurred_at: datetime
    attachments: Sequence[Attachment] = ()
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContact:
    """The customer as far as the session knows them."""

    id: str
    name: str | None = None
    email: str | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question to an AI agent: what should be said now? `origin`: what it follows from."""

    id: str
    session: str
    channel: str
    mode: Literal["ai", "copilot"]
    cause: Literal["message", "returned", "draft"]
    messages: Sequence[TurnMessage]
    contact: TurnContact | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    brief: str | None = None
    previous_summary: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverRequest:
    """The AI agent asks for a person."""

    trigger: Literal["automatic", "customer_request"]
    reason: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an AI agent answers to a turn: Markdown messages, findings, and what to do next.

    `helpful`: false if the agent itself says that it could not help with what was asked.
    """

    messages: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    handover: HandoverRequest | None = None
    finish: bool = False
    helpful: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The agent accepted the turn and will answer at the turn's `reply_url`."""
