"""Deliveries: what channels sent us."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageQuery, PageSchema
from gateway.rails.parsing import Words

STATES = ("applied", "failed", "foreign")


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    state = Words(validate=validate.OneOf(STATES), metadata=example("failed"))
    channel = Words(validate=validate.Length(max=200), metadata=example("acme-intercom"))


class DeliverySchema(Told):
    """A notification that a channel sent us, and what became of it."""

    id = fields.String(metadata=example("dlv_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    channel = fields.String(metadata=example("acme-intercom"))
    topic = fields.String(metadata=example("conversation.user.replied"))
    conversation = fields.String(
        allow_none=True, metadata=about("the channel's own id", "215471234567890")
    )
    state = fields.String(validate=validate.OneOf(STATES), metadata=example("applied"))
    error = fields.String(allow_none=True, metadata=about("why it failed", None))
    received_at = fields.DateTime(metadata=example(MOMENT))
    applied_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    attempts = fields.Integer(metadata=example(1))


class DeliveryPageSchema(PageSchema):
    """Deliveries, the newest first."""

    items = fields.List(fields.Nested(DeliverySchema))
