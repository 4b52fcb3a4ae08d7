"""What the doors to channels give, for the OpenAPI document."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields


class ChannelSchema(ma.Schema):
    """A channel, and how many things are wrong with it."""

    name = fields.String()
    kind = fields.String()
    agent = fields.String()
    healthy = fields.Boolean()
    wrong = fields.Integer()


class ChannelListSchema(ma.Schema):
    """Every channel."""

    items = fields.List(fields.Nested(ChannelSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "always null"})


class FindingSchema(ma.Schema):
    """One thing that was looked at: well, or what is wrong since when and what to do about it."""

    code = fields.String()
    ok = fields.Boolean()
    what = fields.String()
    do = fields.String()
    since = fields.DateTime(allow_none=True)


class AnswersSchema(ma.Schema):
    """What notifications of the last hour were answered."""

    in_time = fields.Integer(metadata={"description": "kept within 500 ms"})
    slow = fields.Integer(metadata={"description": "kept within 5 s"})
    late = fields.Integer(metadata={"description": "kept later: Intercom takes that for an error"})
    refused = fields.Integer(metadata={"description": "401"})
    unreadable = fields.Integer(metadata={"description": "any other 4xx"})
    failed = fields.Integer(metadata={"description": "5xx"})
    longest_s = fields.Float()


class PassSchema(ma.Schema):
    """The last look at what the channel had changed."""

    began_at = fields.DateTime()
    ended_at = fields.DateTime(allow_none=True)
    found = fields.Integer(metadata={"description": "conversations that had changed"})
    doubted = fields.Integer()
    read = fields.Integer()
    repaired = fields.Integer()
    gone = fields.Integer()
    lost = fields.Integer()
    drift = fields.Dict(keys=fields.String(), values=fields.Integer())
    trouble = fields.String(allow_none=True)


class AlertSchema(ma.Schema):
    """Something wrong that people were told of."""

    id = fields.String()
    code = fields.String()
    what = fields.String()
    do = fields.String()
    since = fields.DateTime()
    raised_at = fields.DateTime()


class HealthSchema(ma.Schema):
    """A channel's health; what is wrong comes first."""

    channel = fields.String()
    healthy = fields.Boolean()
    findings = fields.List(fields.Nested(FindingSchema))
    last_notification_at = fields.DateTime(allow_none=True)
    expected_per_hour = fields.Float(
        allow_none=True, metadata={"description": "notifications in an hour like this one"}
    )
    answers = fields.Nested(AnswersSchema)
    reconcile = fields.Nested(PassSchema, allow_none=True)
    alerts = fields.List(fields.Nested(AlertSchema))
