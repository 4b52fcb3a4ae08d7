"""Counts over a stretch of time; each says what it is a part of."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.rails.parsing import Moment, Words
from gateway.reading.reasons import OUTCOMES


class StatisticsQuery(ma.Schema):
    """Which stretch of time, and where."""

    since = Moment(metadata=about("from then on; a week before `until` if left out", MOMENT))
    until = Moment(metadata=about("up to then; now if left out", "2026-11-29T16:08:00Z"))
    channel = Words(validate=validate.Length(max=200), metadata=example("acme-intercom"))
    agent = Words(validate=validate.Length(max=200), metadata=example("support"))


class PartSchema(Told):
    """So many of so many."""

    count = fields.Integer(metadata=example(12))
    of = fields.Integer(metadata=about("what they are a part of", 40))


class SessionCountsSchema(Told):
    """Sessions opened in the period, by what has become of them by now."""

    opened = fields.Integer(metadata=example(40))
    finished = fields.Nested(PartSchema, metadata=about("of those opened"))
    with_people = fields.Nested(PartSchema, metadata=about("of those opened"))
    by_ai_alone = fields.Nested(PartSchema, metadata=about("of those finished"))


class TriggerCountSchema(PartSchema):
    """Handovers with one trigger."""

    trigger = fields.String(metadata=example("manual"))


class ReasonCountSchema(PartSchema):
    """Handovers with one reason."""

    reason = fields.String(metadata=example("asks about a refund above 500 EUR"))


class HandoverCountsSchema(Told):
    """Handovers in the period."""

    count = fields.Integer(metadata=example(12))
    by_trigger = fields.List(fields.Nested(TriggerCountSchema))
    by_reason = fields.List(
        fields.Nested(ReasonCountSchema), metadata=about("the 20 most frequent ones")
    )
    other_reasons = fields.Nested(PartSchema)


class TimeSchema(PartSchema):
    """How long something took, where it has happened (`count`)."""

    p50_s = fields.Float(allow_none=True, metadata=about("half of them took no longer", 41.5))
    p90_s = fields.Float(allow_none=True, metadata=about("nine of ten took no longer", 180.0))


class TimesSchema(Told):
    """How long customers waited for people, and sessions lasted."""

    accept = fields.Nested(TimeSchema, metadata=about("from handover to a person; of handovers"))
    first_reply = fields.Nested(
        TimeSchema, metadata=about("from handover to a person's first word; of handovers")
    )
    finish = fields.Nested(
        TimeSchema, metadata=about("from first word to the end; of sessions opened")
    )


class DroppedCountSchema(PartSchema):
    """Answers that were dropped for one reason."""

    code = fields.String(
        validate=validate.OneOf(tuple(OUTCOMES)), metadata=example("taken_over_meanwhile")
    )


class AnswerCountsSchema(Told):
    """Questions to the AI agent that ended in the period."""

    asked = fields.Integer(metadata=example(61))
    recorded = fields.Nested(PartSchema, metadata=about("said or drafted, of those asked"))
    failed = fields.Nested(PartSchema, metadata=about("without an answer, of those asked"))
    discarded = fields.Nested(PartSchema, metadata=about("answered and dropped, of those asked"))
    discarded_by_reason = fields.List(fields.Nested(DroppedCountSchema))


class DraftCountsSchema(Told):
    """Drafts made in the period, by what has become of them by now."""

    made = fields.Integer(metadata=example(9))
    sent = fields.Nested(PartSchema, metadata=about("as they were"))
    edited = fields.Nested(PartSchema, metadata=about("sent after a person changed them"))
    discarded = fields.Nested(PartSchema, metadata=about("by a person"))
    expired = fields.Nested(PartSchema, metadata=about("since somebody spoke"))
    open = fields.Nested(PartSchema, metadata=about("not decided yet"))


class ScoreCountSchema(PartSchema):
    """Ratings with one score."""

    score = fields.Integer(validate=validate.Range(min=1, max=5), metadata=example(5))


class RatingCountsSchema(Told):
    """What customers thought, of the finished ones among the sessions opened in the period."""

    rated = fields.Nested(PartSchema, metadata=about("of those finished"))
    average = fields.Float(allow_none=True, metadata=about("from 1 to 5", 4.25))
    by_score = fields.List(fields.Nested(ScoreCountSchema))


class StatisticsSchema(Told):
    """Everything that is counted."""

    since = fields.DateTime(metadata=example(MOMENT))
    until = fields.DateTime(metadata=example("2026-11-29T16:08:00Z"))
    channel = fields.String(allow_none=True, metadata=example(None))
    agent = fields.String(allow_none=True, metadata=example(None))
    sessions = fields.Nested(SessionCountsSchema)
    handovers = fields.Nested(HandoverCountsSchema)
    times = fields.Nested(TimesSchema)
    answers = fields.Nested(AnswerCountsSchema)
    drafts = fields.Nested(DraftCountsSchema)
    ratings = fields.Nested(RatingCountsSchema)
