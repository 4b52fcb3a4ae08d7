"""Acting on a session: what is asked, and what it came to."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.parsing import MAX_TEXT, Flag, Words
from gateway.api.schemas.base import Told, about, example
from gateway.api.schemas.sessions import SessionSchema

MAX_REASON = 1_000


class ReasonBody(ma.Schema):
    """Why, in a few words."""

    reason = Words(
        load_default="",
        validate=validate.Length(max=MAX_REASON),
        metadata=example("asks about a refund above 500 EUR"),
    )


class NothingBody(ma.Schema):
    """Nothing needs saying."""


class CopilotBody(ma.Schema):
    """Should the AI draft for the caller?"""

    on = Flag(required=True, metadata=example(True))


class TextBody(ma.Schema):
    """Words, in Markdown."""

    text = Words(
        required=True,
        validate=validate.And(
            validate.Length(min=1, max=MAX_TEXT),
            validate.Regexp(r"[\s\S]*\S", error="Must not be blank."),
        ),
        metadata=about("Markdown", "Your parcel leaves **today**."),
    )


class ActSchema(Told):
    """What an act came to."""

    message = fields.String(metadata=about("for people", "Session finished"))
    session = fields.Nested(SessionSchema)


class HandoverSchema(ActSchema):
    """What a handover came to."""

    in_flight = fields.Integer(
        metadata=about("AI messages that were on the wire already and may still land", 0)
    )
