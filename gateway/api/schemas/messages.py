"""Lines of a session's history."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.files import AttachmentSchema
from gateway.api.schemas.pages import PageSchema
from gateway.api.schemas.people import SomebodySchema


class PushSchema(Told):
    """How far our words are on their way to the channel."""

    state = fields.String(
        validate=validate.OneOf(("owed", "sending", "unknown", "sent", "failed", "cancelled")),
        metadata=example("sent"),
    )
    error = fields.String(allow_none=True, metadata=example(None))
    attempts = fields.Integer(metadata=example(1))
    overlapped = fields.Boolean(
        metadata=about("it was on the wire already when people took over", False)
    )


class DraftSchema(Told):
    """What became of a draft of the AI's: a person sent it, edited it first, or did not want it."""

    state = fields.String(
        validate=validate.OneOf(("open", "sent", "edited", "discarded", "expired")),
        metadata=about("`expired`: something was said after it", "edited"),
    )
    sent_as = fields.String(
        allow_none=True,
        metadata=about("the message that was said instead", "msg_06f3k9w2v0a1b2c3d4e5f6g7h8"),
    )
    ended_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    ended_by = fields.String(allow_none=True, metadata=example("opr_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    ended_by_name = fields.String(allow_none=True, metadata=example("Ann Operator"))


class MessageSchema(Told):
    """A line of a session's history."""

    id = fields.String(metadata=example("msg_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    kind = fields.String(
        validate=validate.OneOf(("message", "marker", "note", "draft")),
        metadata=example("message"),
    )
    author = fields.Nested(SomebodySchema)
    text = fields.String(metadata=example("Where is my parcel?"))
    html = fields.String(metadata=about("sanitised", "<p>Where is my parcel?</p>"))
    attachments = fields.List(fields.Nested(AttachmentSchema))
    state = fields.String(
        validate=validate.OneOf(("received", "owed", "sent", "failed", "discarded")),
        metadata=example("received"),
    )
    why = fields.String(
        allow_none=True, metadata=about("the reason of `failed` and `discarded`", None)
    )
    occurred_at = fields.DateTime(metadata=example(MOMENT))
    external_id = fields.String(
        allow_none=True, metadata=about("the channel's own id", "1234567890")
    )
    delivery = fields.Nested(PushSchema, allow_none=True)
    draft = fields.Nested(DraftSchema, allow_none=True)


class MessagePageSchema(PageSchema):
    """Lines of a session's history, the oldest first."""

    items = fields.List(fields.Nested(MessageSchema))
