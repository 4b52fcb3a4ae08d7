"""What we ask of a channel, in the imperative. A channel declares which of these it `pushes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.events import Assignee


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Say `text` (Markdown) to the customer, as the AI or as the channel person that is named."""

    conversation: str
    text: str
    as_operator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNote:
    """Leave `text` (Markdown) where only the people inside see it."""

    conversation: str
    text: str
    as_operator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Make the channel show who holds the conversation now."""

    conversation: str
    to: Assignee


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Close the conversation in the channel."""

    conversation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateContact:
    """Let the channel know a customer by these `details` (name, email, …, or fields of our own that
    it keeps, `custom.<field>`); None takes one away.

    It is asked of the channel's own customer, not of a conversation, and comes in no lane.
    """

    contact: str
    details: Mapping[str, Any]


Command = SendMessage | AddNote | Assign | Close
CommandKind = Literal["send_message", "add_note", "assign", "close", "update_contact"]

KINDS: dict[type[Command], CommandKind] = {
    SendMessage: "send_message",
    AddNote: "add_note",
    Assign: "assign",
    Close: "close",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The channel's receipt: the id it gave, and when it says it happened (µs since 1970).

    `assigned`: to whom words of ours have assigned the conversation as well, if they did.
    """

    id: str
    at: int
    number: int = 0
    assigned: Assignee | None = None
