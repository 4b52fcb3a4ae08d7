"""What the widget's doors need of the record; `gateway/visitors` gives it.

The doors know neither database nor Redis. Whatever is asked for here is asked for one visitor of
one channel, and answers nothing about anybody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gateway.events import Attachment

Json = dict[str, Any]
Level = Literal["anonymous", "claimed", "verified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody at a widget, as far as they are known; of a new one there is nothing but the id.

    `user` is who a JWT proved them to be (its `sub`), for good. Tokens hold that were made in the
    visitor's present `generation`. The details are what was last said of them, at any level.
    """

    channel: str
    id: str
    user: str | None = None
    generation: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    email: str | None = None
    phone: str | None = None

    @property
    def level(self) -> Level:
        """How sure it is who they are."""
        if self.user is not None:
            return "verified"
        return "claimed" if self.name or self.email or self.phone else "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """Who a proven user goes on as, and the visitors that are theirs by that, the same among them.

    `theirs` are those that the channel has not been told of as this user's.
    """

    visitor: Visitor
    theirs: Sequence[str] = ()


class Backend(Protocol):
    """The record, as far as a visitor may know of it. Every method may raise Unavailable."""

    def new_id(self) -> str:
        """Return an id for a new visitor, which nobody can guess."""
        ...

    def visitor(self, channel: str, visitor_id: str) -> Visitor:
        """Return what is known of a visitor."""
        ...

    def recognise(self, channel: str, visitor_id: str | None, user: str) -> Recognised:
        """Bind a visitor to a proven user, and return who they go on as.

        That is the visitor of the user's session that was active last, on whatever device, unless
        `visitor_id` is in an active session itself. A visitor who is somebody else's stays theirs.
        """
        ...

    def keep_parameters(self, channel: str, visitor_id: str, parameters: Mapping[str, Any]) -> None:
        """Keep what the page says with the session that is active, and with those to come."""
        ...

    def log_out(self, channel: str, visitor_id: str) -> None:
        """Make every token of this visitor void that was made so far."""
        ...

    def moment(self, channel: str, visitor_id: str) -> int:
        """Return now (µs), or a moment after the newest thing in the visitor's conversation."""
        ...

    def attachments(self, visitor: Visitor, file_ids: Sequence[str]) -> Sequence[Attachment]:
        """Return files that this visitor has put here; raise Unreadable for any other."""
        ...

    def session(self, visitor: Visitor) -> Json | None:
        """Return the session that the visitor sees, as the protocol has it."""
        ...

    def message(self, visitor: Visitor, external_id: str) -> Json | None:
        """Return a message of the visitor's, as the protocol has it; None if there is none."""
        ...
