"""Subscribers, and the events that they are owed, were sent or never got."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageQuery, PageSchema
from gateway.config import EVENT_NAMES
from gateway.rails.parsing import Words

STATES = ("new", "active", "resting", "disabled")
DELIVERY_STATES = ("owed", "sent", "dead", "cancelled")
_ENDED = ("sent", "dead", "cancelled")
_NAME = "hooks.acme.example-1f0c2d3e"


class SubscriberSchema(Told):
    """Who is told of events. Of its address only the host is shown, of its secret nothing."""

    id = fields.String(metadata=about("its `name` in the settings", _NAME))
    host = fields.String(metadata=example("hooks.acme.example"))
    events = fields.List(
        fields.String(validate=validate.OneOf(EVENT_NAMES)), metadata=example(["session.finished"])
    )
    state = fields.String(
        validate=validate.OneOf(STATES),
        metadata=about(
            "resting: it could not be reached, and is tried again; disabled: it answered 410",
            "active",
        ),
    )
    error = fields.String(allow_none=True, metadata=about("the last one, until all is well", None))
    failures = fields.Integer(metadata=about("in a row", 0))
    rests_until = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    disabled_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    sent_at = fields.DateTime(allow_none=True, metadata=about("the last event taken", MOMENT))
    owed = fields.Integer(metadata=about("deliveries that wait", 0))
    dead = fields.Integer(metadata=about("deliveries given up", 0))


class SubscriberPageSchema(PageSchema):
    """Every subscriber."""

    items = fields.List(fields.Nested(SubscriberSchema))


class EventDeliveriesQuery(PageQuery):
    """Which deliveries of a subscriber."""

    state = Words(validate=validate.OneOf(DELIVERY_STATES), metadata=example("dead"))


class EventDeliverySchema(Told):
    """One event owed to one subscriber."""

    id = fields.String(metadata=example("evd_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    event_id = fields.String(
        metadata=about("the post's `webhook-id`", "evt_06f3k9w2v0a1b2c3d4e5f6g7h8")
    )
    type = fields.String(validate=validate.OneOf(EVENT_NAMES), metadata=example("message.created"))
    timestamp = fields.DateTime(metadata=about("when it happened", MOMENT))
    session_id = fields.String(allow_none=True, metadata=example("ses_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    contact_id = fields.String(allow_none=True, metadata=example(None))
    message_id = fields.String(allow_none=True, metadata=example("msg_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    state = fields.String(
        validate=validate.OneOf(DELIVERY_STATES),
        metadata=about("cancelled: what it tells of is no longer in the record", "sent"),
    )
    attempts = fields.Integer(metadata=example(1))
    status = fields.Integer(allow_none=True, metadata=about("the last refusal's", None))
    error = fields.String(allow_none=True, metadata=example(None))
    owed_at = fields.DateTime(metadata=example(MOMENT))
    due_at = fields.DateTime(allow_none=True, metadata=about("when it is tried next", MOMENT))
    ended_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))


class EventDeliveryPageSchema(PageSchema):
    """Deliveries, the newest first."""

    items = fields.List(fields.Nested(EventDeliverySchema))


class ReplayBody(ma.Schema):
    """Which deliveries to owe again."""

    state = Words(load_default="dead", validate=validate.OneOf(_ENDED), metadata=example("dead"))
    since = fields.AwareDateTime(metadata=about("of what happened at or after this", MOMENT))
    until = fields.AwareDateTime(metadata=about("of what happened before this", MOMENT))
    types = fields.List(
        Words(validate=validate.OneOf(EVENT_NAMES)),
        load_default=list,
        validate=validate.Length(max=len(EVENT_NAMES)),
        metadata=about("only these; none: all", ["session.finished"]),
    )


class ReplayedSchema(Told):
    """How many deliveries are owed again."""

    replayed = fields.Integer(metadata=example(12))


class TriedSchema(Told):
    """What became of a test event."""

    event_id = fields.String(metadata=example("evt_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    taken = fields.Boolean(metadata=example(True))
    status = fields.Integer(allow_none=True, metadata=about("null: nobody answered", 204))
    error = fields.String(allow_none=True, metadata=example(None))
    took_ms = fields.Integer(metadata=example(84))
