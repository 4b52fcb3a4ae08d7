"""What the widget's doors need of the record; `gateway/visitors` gives it.

The doors know neither database nor Redis. Whatever is asked for here is asked for one visitor of
one channel, and answers nothing about anybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gateway.channels.webwidget.talk import Line, Past, Shown, Talk
from gateway.events import Attachment
from gateway.rails.downloads import Download

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it is served."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What files are taken: how large in bytes, and what their names end with, as `.png`."""

    max_bytes: int
    endings: Sequence[str]


class Body(Protocol):
    """What a request's body is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at its end."""
        ...


class Follow(Protocol):
    """A stream: what is written to it, in pieces that are waited for. Whoever has it closes it."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """The reader has gone."""
        ...


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

    def files_taken(self) -> Taken | None:
        """Return what files are taken; None if none are."""
        ...

    def put_file(
        self, visitor: Visitor, body: Body, content_type: str, declared: int | None
    ) -> Attachment:
        """Keep the file in a multipart body, of which `declared` is the length, where it is said.

        Raises Unreadable, Oversized, TypeNotAllowed, and TooMany for more than a day's worth.
        """
        ...

    def attachments(
        self, visitor: Visitor, file_ids: Sequence[str], external_id: str
    ) -> Sequence[Attachment]:
        """Return files that this visitor has put here, to go with the message of this name.

        Raises Invalid for any other, and for those that went with another message.
        """
        ...

    def file(self, visitor: Visitor, file_id: str) -> Download:
        """Return a file that is the visitor's to read; raise NotFound for any other."""
        ...

    def session(self, visitor: Visitor) -> Shown | None:
        """Return the session that the visitor sees, finished or not; None if they never spoke."""
        ...

    def message(self, visitor: Visitor, external_id: str) -> Line | None:
        """Return a message of the visitor's, by the channel's name of it; None if there is none."""
        ...

    def news(self, visitor: Visitor, *, after: str | None, session_id: str | None) -> Talk:
        """Return what is new since a cursor; all of it where that leads nowhere any more.

        In the session that the visitor sees, or in the one that is named. Raises NotFound for one
        that is not theirs to read.
        """
        ...

    def earlier(self, visitor: Visitor, *, before: str) -> Talk:
        """Return what stands before a line, in its session; raise NotFound if it is not theirs."""
        ...

    def sessions(
        self, visitor: Visitor, *, cursor: str | None
    ) -> tuple[Sequence[Past], str | None]:
        """Return the sessions of a verified visitor, newest first, and where the next ones begin.

        Raises Unreadable for a cursor that is none.
        """
        ...

    def read(self, visitor: Visitor, message_id: str) -> None:
        """Keep that the visitor has read up to a line; raise NotFound if it is not theirs."""
        ...

    def rate(self, visitor: Visitor, session_id: str, score: int, comment: str) -> None:
        """Keep what the visitor thought of a session.

        Raises NotFound if it is not theirs, NotFinished while it goes on.
        """
        ...

    def types(self, visitor: Visitor, on: bool) -> None:
        """Show those inside that the visitor is writing, or no longer."""
        ...

    def picture(self, name: str) -> Picture:
        """Return the picture that visitors see under a name; raise NotFound."""
        ...

    def stream(self, visitor: Visitor, until: int, hang_up: Callable[[], object] | None) -> Follow:
        """Open a stream of the visitor's; it ends when their tokens are void, or at `until` (µs).

        Raises TooMany if they have enough of them.
        """
        ...
