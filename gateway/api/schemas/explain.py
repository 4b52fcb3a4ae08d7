"""Why the AI spoke, or kept silent."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageSchema
from gateway.reading.reasons import OUTCOMES


class ExplainedTurnSchema(Told):
    """The question to the AI agent that told of the message, or would have."""

    id = fields.String(metadata=example("trn_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    cause = fields.String(
        validate=validate.OneOf(("message", "returned", "draft")), metadata=example("message")
    )
    state = fields.String(
        validate=validate.OneOf(("due", "asking", "waiting", "recorded", "discarded", "failed")),
        metadata=example("recorded"),
    )
    owed_at = fields.DateTime(metadata=example(MOMENT))
    asked_at = fields.DateTime(allow_none=True, metadata=about("null: never", MOMENT))
    ended_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    attempts = fields.Integer(metadata=example(1))
    why = fields.String(
        allow_none=True, metadata=about("why it was discarded, failed, or partly refused", None)
    )


class ExplanationSchema(Told):
    """One message of the customer's, and what the AI did about it."""

    message_id = fields.String(metadata=example("msg_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    occurred_at = fields.DateTime(metadata=example(MOMENT))
    outcome = fields.String(
        validate=validate.OneOf(("spoke", "drafted", "silent", "pending")),
        metadata=example("spoke"),
    )
    code = fields.String(validate=validate.OneOf(tuple(OUTCOMES)), metadata=example("answered"))
    sentence = fields.String(
        metadata=about("for people", "The AI agent was in charge and answered.")
    )
    details = fields.String(
        allow_none=True, metadata=about("what the record adds, such as a rule's reason", None)
    )
    mode = fields.String(
        validate=validate.OneOf(("ai", "human", "copilot")),
        metadata=about("the session's, when it was said", "ai"),
    )
    epoch = fields.Integer(allow_none=True, metadata=about("of the turn", 0))
    turn = fields.Nested(ExplainedTurnSchema, allow_none=True)
    answers = fields.List(
        fields.String(),
        metadata=about(
            "ids of what the AI said, drafted or had dropped", ["msg_06f3k9w2v0a1b2c3d4e5f6g7h9"]
        ),
    )


class ExplanationPageSchema(PageSchema):
    """The customer's messages, the oldest first."""

    items = fields.List(fields.Nested(ExplanationSchema))
