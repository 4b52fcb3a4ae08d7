"""What the widget's doors deliver: one JSON object for each thing that a visitor did.

It is written by the doors and read by the receiver, like any channel's notification; it is what
lies in the inbox, and what a replay reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from gateway.channels.base import Envelope
from gateway.errors import Unreadable
from gateway.events import Attachment

MESSAGE = "visitor.message"
IDENTIFIED = "visitor.identified"

_Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
_Id = Annotated[str, Meta(pattern=r"\A[^\x00-\x20\x7f]{1,200}\Z")]
_Micros = Annotated[int, Meta(gt=0, lt=2**62)]
_Value = str | int | float | bool


class Outside(msgspec.Struct):
    """What every delivery says: of which deployment, about what, by which visitor."""

    installation: _Name
    topic: Annotated[str, Meta(pattern=r"\A[a-z][a-z._]{0,99}\Z")]
    visitor: _Name


class Words(msgspec.Struct, kw_only=True):
    """A visitor's message."""

    client_id: _Name
    text: Annotated[str, Meta(max_length=100_000)]
    attachments: Annotated[list[Attachment], Meta(max_length=20)] = []


class Said(Outside, kw_only=True):
    """`visitor.message`: the visitor said something. `at` is when the door took it in (µs)."""

    at: _Micros
    name: str | None = None
    message: Words
    parameters: dict[str, _Value] = {}


class Identified(Outside, kw_only=True):
    """`visitor.identified`: the page, or a proof by the site's server, says who the visitor is."""

    at: _Micros
    level: Literal["claimed", "verified"]
    user: _Id | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None


T = TypeVar("T", bound=Outside)


def read(content: Mapping[str, object], kind: type[T]) -> T:
    """Read a delivery's content; raise Unreadable, naming the field."""
    try:
        return msgspec.convert(content, type=kind)
    except msgspec.ValidationError as error:
        raise Unreadable(f"{error}") from None


def said(
    channel: str,
    visitor: str,
    *,
    at: int,
    name: str | None,
    client_id: str,
    text: str,
    attachments: Sequence[Attachment] = (),
    parameters: Mapping[str, Any],
) -> Said:
    """A visitor's message as it is delivered."""
    words = Words(client_id=client_id, text=text, attachments=list(attachments))
    return Said(
        installation=channel, topic=MESSAGE, visitor=visitor, at=at, name=name, message=words,
        parameters=dict(parameters),
    )  # fmt: skip


def identified(
    channel: str,
    visitor: str,
    *,
    at: int,
    level: Literal["claimed", "verified"],
    user: str | None,
    details: Mapping[str, str | None],
) -> Identified:
    """Who a visitor is, as it is delivered; `details`: name, email, phone."""
    return Identified(
        installation=channel, topic=IDENTIFIED, visitor=visitor, at=at, level=level, user=user,
        **details,
    )  # fmt: skip


def delivered(content: Outside) -> tuple[Envelope, bytes]:
    """What the inbox keeps of it."""
    body = msgspec.json.encode(content)
    return envelope_of(parse(body)), body


def parse(body: bytes) -> object:
    """Read a body as JSON; raise Unreadable."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # `from None`: the parser's error may quote the body.
        raise Unreadable("the body is not JSON in UTF-8") from None


def envelope_of(content: object) -> Envelope:
    """The outside of a delivery; raise Unreadable."""
    if not isinstance(content, dict):
        raise Unreadable("the body is not a JSON object")
    outside = read(content, Outside)
    id = None
    if outside.topic == MESSAGE:
        # The client's own name of its message: sent again, it is the same delivery.
        id = f"{outside.visitor}:{read(content, Said).message.client_id}"
    return Envelope(
        installation=outside.installation, id=id, topic=outside.topic,
        conversation=outside.visitor, content=content,
    )  # fmt: skip
