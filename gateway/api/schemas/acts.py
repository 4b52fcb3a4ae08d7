"""Acting on a session: what is asked, and what it came to."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import Told, about, example
from gateway.api.schemas.sessions import SessionSchema
from gateway.files import MOST_IN_A_MESSAGE
from gateway.rails.parsing import MAX_TEXT, Flag, Words

MAX_REASON = 1_000
_AN_OPERATOR = validate.Regexp(r"opr_[0-9a-hjkmnp-tv-z]{26}\Z", error="Not the id of an operator.")


class ReasonBody(ma.Schema):
    """Why, in a few words."""

    reason = Words(
        load_default="",
        validate=validate.Length(max=MAX_REASON),
        metadata=example("asks about a refund above 500 EUR"),
    )


class HandoverBody(ReasonBody):
    """Why, and to whom."""

    operator_id = Words(
        validate=_AN_OPERATOR,
        metadata=about(
            "to this operator; else to whoever is next", "opr_06f3k9w2v0a1b2c3d4e5f6g7h8"
        ),
    )


class AssignBody(ma.Schema):
    """To whom: an operator, or a team."""

    ONE_OF = ("operator_id", "team_id")
    """The document says so, too (`described.alternatives`)."""

    operator_id = Words(
        validate=_AN_OPERATOR,
        metadata=about("to this operator", "opr_06f3k9w2v0a1b2c3d4e5f6g7h8"),
    )
    team_id = Words(
        validate=validate.Length(min=1, max=100),
        metadata=about(
            "instead of an operator: it waits for this team. Where the channel has teams of its "
            "own, the channel's id of one", "tea_06f3k9w2v0a1b2c3d4e5f6g7h8",
        ),
    )  # fmt: skip

    @ma.validates_schema
    def names_one(self, data: dict[str, Any], **_: Any) -> None:
        """One of both, and not both."""
        if len(data) != 1:
            raise ma.ValidationError("Name an operator or a team.", "operator_id")


class DraftBody(ma.Schema):
    """What is said instead of the draft."""

    text = Words(
        validate=[
            validate.Length(min=1, max=MAX_TEXT),
            validate.Regexp(r"[\s\S]*\S", error="Must not be blank."),
        ],
        metadata=about("Markdown; without it the draft is sent as it is", "It leaves **today**."),
    )


class NothingBody(ma.Schema):
    """Nothing needs saying."""


class ReadBody(ma.Schema):
    """Up to where."""

    message_id = Words(
        validate=validate.Regexp(r"msg_[0-9a-hjkmnp-tv-z]{26}\Z", error="Not the id of a message."),
        metadata=about("up to this one; else all of it", "msg_06f3k9w2v0a1b2c3d4e5f6g7h8"),
    )
    quietly = Flag(
        load_default=False,
        metadata=about("true: it counts for the caller alone, the customer is not told", False),
    )


class ReadUpToSchema(Told):
    """What came of it."""

    moved = fields.Boolean(
        metadata=about("false: as much had been read before; a mark never goes back", True)
    )


class TypingBody(ma.Schema):
    """Is one writing?"""

    on = Flag(required=True, metadata=example(True))


class TypingSchema(Told):
    """What came of it."""

    shown = fields.Boolean(
        metadata=about("false: the same was said just now, or the session is finished", True)
    )


class LookingBody(ma.Schema):
    """Is it open in front of one?"""

    on = Flag(required=True, metadata=example(True))


class LookerSchema(Told):
    """Somebody who has the session open, too."""

    id = fields.String(metadata=example("opr_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    name = fields.String(metadata=example("Ann Operator"))


class LookersSchema(Told):
    """Who else looks."""

    others = fields.List(
        fields.Nested(LookerSchema), metadata=about("by name; nobody while Redis is away", [])
    )


class CopilotBody(ma.Schema):
    """Should the AI draft for the caller?"""

    on = Flag(required=True, metadata=example(True))


class TextBody(ma.Schema):
    """Words, in Markdown."""

    text = Words(
        required=True,
        validate=[
            validate.Length(min=1, max=MAX_TEXT),
            validate.Regexp(r"[\s\S]*\S", error="Must not be blank."),
        ],
        metadata=about("Markdown", "Your parcel leaves **today**."),
    )


class MessageBody(ma.Schema):
    """Words in Markdown, files, or both."""

    text = Words(
        required=True,
        validate=validate.Length(max=MAX_TEXT),
        metadata={
            **about("Markdown; may be blank if there are files", "It leaves **today**."),
            "format": "message",
        },
    )
    files = fields.List(
        Words(
            validate=validate.Regexp(
                r"fil_[0-9a-hjkmnp-tv-z]{26}\Z", error="Not the id of a file."
            ),
        ),
        load_default=list,
        validate=validate.Length(max=MOST_IN_A_MESSAGE),
        metadata=about("ids of files that you uploaded", ["fil_06f3k9w2v0a1b2c3d4e5f6g7h8"], []),
    )

    @ma.validates_schema
    def says_something(self, data: dict[str, Any], **_: Any) -> None:
        """Neither words nor files are no message."""
        if not data["text"].strip() and not data["files"]:
            raise ma.ValidationError("Must not be blank.", "text")


class ActSchema(Told):
    """What an act came to."""

    message = fields.String(metadata=about("for people", "Session finished"))
    session = fields.Nested(SessionSchema)


class HandoverSchema(ActSchema):
    """What a handover came to."""

    in_flight = fields.Integer(
        metadata=about("AI messages that were on the wire already and may still land", 0)
    )
