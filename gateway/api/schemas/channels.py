"""Channels, and what is known of their health."""

from __future__ import annotations

from marshmallow import fields

from gateway.api.schemas.base import MOMENT, Told, about, example


class ChannelSchema(Told):
    """A channel, and how many things are wrong with it."""

    name = fields.String(metadata=example("acme-intercom"))
    kind = fields.String(metadata=example("intercom"))
    agent = fields.String(metadata=example("support"))
    healthy = fields.Boolean(metadata=example(True))
    wrong = fields.Integer(metadata=example(0))
    app = fields.String(
        allow_none=True, metadata=about("the public app that it is an installation of", None)
    )
    title = fields.String(metadata=about("what its workspace calls itself, if known", ""))
    paused = fields.String(
        allow_none=True, metadata=about("why nothing is sent until a person has acted", None)
    )


class ChannelListSchema(Told):
    """Every channel."""

    items = fields.List(fields.Nested(ChannelSchema))
    next_cursor = fields.String(allow_none=True, metadata=about("always null", None))


class FindingSchema(Told):
    """One thing that was looked at: well, or what is wrong since when and what to do about it."""

    code = fields.String(metadata=example("token"))
    ok = fields.Boolean(metadata=example(True))
    what = fields.String(metadata=example("the access token works"))
    do = fields.String(metadata=about("what to do about it", ""))
    since = fields.DateTime(allow_none=True, metadata=example(MOMENT))


class AnswersSchema(Told):
    """What notifications of the last hour were answered."""

    in_time = fields.Integer(metadata=about("kept within 500 ms", 210))
    slow = fields.Integer(metadata=about("kept within 5 s", 0))
    late = fields.Integer(metadata=about("kept later: Intercom takes that for an error", 0))
    refused = fields.Integer(metadata=about("401", 0))
    unreadable = fields.Integer(metadata=about("any other 4xx", 0))
    failed = fields.Integer(metadata=about("5xx", 0))
    longest_s = fields.Float(metadata=example(0.041))


class PassSchema(Told):
    """The last look at what the channel had changed."""

    began_at = fields.DateTime(metadata=example(MOMENT))
    ended_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    found = fields.Integer(metadata=about("conversations that had changed", 12))
    doubted = fields.Integer(metadata=example(3))
    read = fields.Integer(metadata=example(3))
    repaired = fields.Integer(metadata=example(1))
    gone = fields.Integer(metadata=example(0))
    lost = fields.Integer(metadata=example(0))
    drift = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata=example({"message": 2})
    )
    trouble = fields.String(allow_none=True, metadata=example(None))


class AlertSchema(Told):
    """Something wrong that people were told of."""

    id = fields.String(metadata=example("alr_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    code = fields.String(metadata=example("silent"))
    what = fields.String(metadata=example("nothing has been heard for two hours"))
    do = fields.String(metadata=example("look at the app's webhook settings"))
    since = fields.DateTime(metadata=example(MOMENT))
    raised_at = fields.DateTime(metadata=example(MOMENT))


class HealthSchema(Told):
    """A channel's health; what is wrong comes first."""

    channel = fields.String(metadata=example("acme-intercom"))
    healthy = fields.Boolean(metadata=example(True))
    findings = fields.List(fields.Nested(FindingSchema))
    last_notification_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    expected_per_hour = fields.Float(
        allow_none=True, metadata=about("notifications in an hour like this one", 180.5)
    )
    answers = fields.Nested(AnswersSchema)
    errors_in_a_row = fields.Integer(
        metadata=about("since the last answer that was well, within 15 min", 0)
    )
    clock_skew_s = fields.Float(
        allow_none=True, metadata=about("how far our clock is from the channel's", 0.2)
    )
    reconcile = fields.Nested(PassSchema, allow_none=True)
    alerts = fields.List(fields.Nested(AlertSchema))
