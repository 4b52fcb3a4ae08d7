"""What the widget's doors take."""

from __future__ import annotations

import math
from typing import Any

import marshmallow as ma
from marshmallow import validate

from gateway.rails.parsing import Flag, Words

MAX_TEXT = 8_000
MAX_COMMENT = 2_000
MOST_FILES = 5
MOST_PARAMETERS = 50
MOST_PARAMETER_BYTES = 4_096
_DETAIL = validate.Length(max=320)


class Parameters(ma.fields.Field[dict[str, Any]]):
    """Names with texts, numbers, true or false."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ma.ValidationError("Not an object of names and values.")
        words, size = Words(), 0
        for name, one in value.items():
            words.deserialize(name)
            if not 0 < len(name) <= 100:
                raise ma.ValidationError("A name has 1 to 100 characters.")
            if isinstance(one, str):
                words.deserialize(one)
            elif isinstance(one, float) and not math.isfinite(one):
                raise ma.ValidationError(f"{name}: not a number.")
            elif not isinstance(one, bool | int | float) or abs(one) >= 2**63:
                raise ma.ValidationError(f"{name}: not a text, a number, true or false.")
            size += len(name.encode()) + len(str(one).encode())
        if len(value) > MOST_PARAMETERS or size > MOST_PARAMETER_BYTES:
            raise ma.ValidationError(
                f"More than {MOST_PARAMETERS} of them, or more than {MOST_PARAMETER_BYTES} bytes."
            )
        return value


class ClaimsBody(ma.Schema):
    """What the page says of its visitor, without proof."""

    name = Words(validate=_DETAIL, allow_none=True, load_default=None)
    email = Words(validate=_DETAIL, allow_none=True, load_default=None)
    phone = Words(validate=_DETAIL, allow_none=True, load_default=None)


class SessionsBody(ma.Schema):
    """Who wants to talk, at which deployment."""

    key = Words(required=True, validate=validate.Length(max=200))
    visitor_token = Words(allow_none=True, load_default=None)
    jwt = Words(allow_none=True, load_default=None)
    claims = ma.fields.Nested(ClaimsBody, allow_none=True, load_default=None)
    parameters = Parameters(allow_none=True, load_default=None)


class MessageBody(ma.Schema):
    """Something that the visitor says."""

    client_id = Words(required=True, validate=validate.Regexp(r"\A[A-Za-z0-9_-]{1,64}\Z"))
    text = Words(load_default="", validate=validate.Length(max=MAX_TEXT))
    files = ma.fields.List(
        Words(validate=validate.Length(max=100)),
        load_default=list,
        validate=validate.Length(max=MOST_FILES),
    )

    @ma.validates_schema
    def says_something(self, data: dict[str, Any], **_: Any) -> None:
        """Neither words nor files are no message."""
        if not data["text"].strip() and not data["files"]:
            raise ma.ValidationError("Empty: a message has words or files.", "text")


class NewsQuery(ma.Schema):
    """Since when, or before which message; in which session."""

    after = Words(load_default=None, validate=validate.Length(max=200))
    before = Words(load_default=None, validate=validate.Length(max=100))
    session = Words(load_default=None, validate=validate.Length(max=100))


class PastQuery(ma.Schema):
    """Where the next sessions begin."""

    cursor = Words(load_default=None, validate=validate.Length(max=200))


class ReadBody(ma.Schema):
    """Up to which message the visitor has read."""

    message = Words(required=True, validate=validate.Length(max=100))


class RatingBody(ma.Schema):
    """What the visitor thought of a session."""

    session = Words(required=True, validate=validate.Length(max=100))
    score = ma.fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=5))
    comment = Words(load_default="", allow_none=True, validate=validate.Length(max=MAX_COMMENT))


class TypingBody(ma.Schema):
    """Whether the visitor is writing."""

    on = Flag(required=True)


class TicketQuery(ma.Schema):
    """What lets a stream in."""

    ticket = Words(required=True, validate=validate.Length(max=1_000))
