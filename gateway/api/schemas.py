"""What the doors take, and, for the OpenAPI document, what they give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.parsing import MAX_TEXT, Flag, Words
from gateway.reading.cursors import DEFAULT_LIMIT, MAX_LIMIT

MAX_REASON = 1_000


class PageQuery(ma.Schema):
    """Where in a list, and how much of it."""

    cursor = Words(
        validate=validate.Length(max=1_000), metadata={"description": "next_cursor of a page"}
    )
    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(min=1, max=MAX_LIMIT),
        metadata={"description": "how many at most"},
    )


class SessionsQuery(PageQuery):
    """Which sessions."""

    status = Words(validate=validate.OneOf(("active", "finished")))
    mode = Words(validate=validate.OneOf(("ai", "human", "copilot")))
    channel = Words(validate=validate.Length(max=200))
    conversation = Words(
        validate=validate.Length(max=255), metadata={"description": "the channel's own id"}
    )
    responsible = Words(
        validate=validate.Length(max=200),
        metadata={"description": "ai, operator, bot, unassigned, an id or part of a name"},
    )
    q = Words(
        validate=validate.Length(max=200),
        metadata={"description": "searched for in messages, contact's name and e-mail"},
    )


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    state = Words(validate=validate.OneOf(("applied", "failed", "foreign")))
    channel = Words(validate=validate.Length(max=200))


class ReasonBody(ma.Schema):
    """Why, in a few words."""

    reason = Words(load_default="", validate=validate.Length(max=MAX_REASON))


class NothingBody(ma.Schema):
    """Nothing needs saying."""


class CopilotBody(ma.Schema):
    """Should the AI draft for the caller?"""

    on = Flag(required=True)


class TextBody(ma.Schema):
    """Words, in Markdown."""

    text = Words(required=True, validate=validate.Length(min=1, max=MAX_TEXT))


class SomebodySchema(ma.Schema):
    """Somebody who did or said something."""

    kind = fields.String(validate=validate.OneOf(("customer", "ai", "operator", "bot", "system")))
    id = fields.String(allow_none=True)
    name = fields.String()


class ContactSchema(ma.Schema):
    """The customer."""

    id = fields.String()
    name = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    verified = fields.Boolean()


class ResponsibleSchema(ma.Schema):
    """Who answers for a session."""

    kind = fields.String(validate=validate.OneOf(("ai", "operator", "unassigned", "bot")))
    id = fields.String(allow_none=True)
    name = fields.String()
    team = fields.String(allow_none=True, metadata={"description": "the channel's id of the team"})
    team_name = fields.String(allow_none=True)


class LastHandoverSchema(ma.Schema):
    """The last time the session went from the AI to people."""

    trigger = fields.String(
        validate=validate.OneOf(
            ("manual", "automatic", "customer_request", "assignee", "reply", "fault", "rule")
        )
    )
    reason = fields.String()
    by = fields.Nested(SomebodySchema)
    at = fields.DateTime()


class PermissionSchema(ma.Schema):
    """May the caller hand over now? If not, why."""

    allowed = fields.Boolean()
    reason = fields.String(allow_none=True)


class SessionSchema(ma.Schema):
    """A session; times are ISO 8601 in UTC."""

    id = fields.String()
    status = fields.String(validate=validate.OneOf(("active", "finished")))
    mode = fields.String(validate=validate.OneOf(("ai", "human", "copilot")))
    channel = fields.String()
    conversation = fields.String(metadata={"description": "the channel's own id"})
    contact = fields.Nested(ContactSchema, allow_none=True)
    agent = fields.String()
    responsible = fields.Nested(ResponsibleSchema)
    parameters = fields.Dict(keys=fields.String())
    results = fields.Dict(keys=fields.String())
    epoch = fields.Integer()
    waiting_since = fields.DateTime(allow_none=True)
    started_at = fields.DateTime()
    finished_at = fields.DateTime(allow_none=True)
    last_message_at = fields.DateTime(allow_none=True)
    message_count = fields.Integer()
    last_handover = fields.Nested(LastHandoverSchema, allow_none=True)
    handover = fields.Nested(PermissionSchema)


class AttachmentSchema(ma.Schema):
    """A file that came with a message."""

    url = fields.String()
    name = fields.String()
    content_type = fields.String()
    size = fields.Integer(allow_none=True)


class PushSchema(ma.Schema):
    """How far our words are on their way to the channel."""

    state = fields.String(
        validate=validate.OneOf(("owed", "sending", "unknown", "sent", "failed", "cancelled"))
    )
    error = fields.String(allow_none=True)
    attempts = fields.Integer()
    overlapped = fields.Boolean()


class MessageSchema(ma.Schema):
    """A line of a session's history."""

    id = fields.String()
    kind = fields.String(validate=validate.OneOf(("message", "marker", "note", "draft")))
    author = fields.Nested(SomebodySchema)
    text = fields.String()
    html = fields.String(metadata={"description": "sanitised"})
    attachments = fields.List(fields.Nested(AttachmentSchema))
    state = fields.String(
        validate=validate.OneOf(("received", "owed", "sent", "failed", "discarded"))
    )
    why = fields.String(allow_none=True)
    occurred_at = fields.DateTime()
    external_id = fields.String(allow_none=True)
    delivery = fields.Nested(PushSchema, allow_none=True)


class DeliverySchema(ma.Schema):
    """A notification that a channel sent us, and what became of it."""

    id = fields.String()
    channel = fields.String()
    topic = fields.String()
    conversation = fields.String(allow_none=True)
    state = fields.String(validate=validate.OneOf(("applied", "failed", "foreign")))
    error = fields.String(allow_none=True)
    received_at = fields.DateTime()
    applied_at = fields.DateTime(allow_none=True)
    attempts = fields.Integer()


class SessionPageSchema(ma.Schema):
    """Sessions, the newest first."""

    items = fields.List(fields.Nested(SessionSchema))
    next_cursor = fields.String(allow_none=True)


class MessagePageSchema(ma.Schema):
    """Lines of a session's history, the oldest first."""

    items = fields.List(fields.Nested(MessageSchema))
    next_cursor = fields.String(allow_none=True)


class DeliveryPageSchema(ma.Schema):
    """Deliveries, the newest first."""

    items = fields.List(fields.Nested(DeliverySchema))
    next_cursor = fields.String(allow_none=True)


class ActSchema(ma.Schema):
    """What an act came to."""

    message = fields.String()
    session = fields.Nested(SessionSchema)


class HandoverSchema(ActSchema):
    """What a handover came to."""

    in_flight = fields.Integer(
        metadata={"description": "AI messages that were on the wire already and may still land"}
    )


class VerdictSchema(ma.Schema):
    """What became of an agent's answer."""

    status = fields.String(validate=validate.OneOf(("recorded", "discarded")))


class ProblemSchema(ma.Schema):
    """What went wrong."""

    code = fields.String()
    message = fields.String()
    details = fields.Dict(keys=fields.String())


class ErrorSchema(ma.Schema):
    """The one shape of errors."""

    error = fields.Nested(ProblemSchema)


Arguments = dict[str, Any]
