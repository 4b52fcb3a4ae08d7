"""Passes over what a channel changed."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageSchema


class ReconciliationSchema(Told):
    """One look at what a channel had changed from `since` to `until`."""

    id = fields.String(metadata=example("rec_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    channel = fields.String(metadata=example("acme-intercom"))
    asked_by = fields.String(
        validate=validate.OneOf(("clock", "command")), metadata=example("clock")
    )
    since = fields.DateTime(metadata=example(MOMENT))
    until = fields.DateTime(metadata=example(MOMENT))
    began_at = fields.DateTime(metadata=example(MOMENT))
    listed_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    ended_at = fields.DateTime(allow_none=True, metadata=about("null: under way", MOMENT))
    found = fields.Integer(metadata=about("conversations that had changed", 12))
    doubted = fields.Integer(metadata=about("of these, not known to be the same here", 3))
    read = fields.Integer(metadata=about("of these, read so far", 3))
    repaired = fields.Integer(metadata=about("of these, not as the record had them", 1))
    gone = fields.Integer(metadata=about("of these, no longer in the channel", 0))
    lost = fields.Integer(metadata=about("parts too old for the channel to tell", 0))
    people = fields.Integer(metadata=about("customers whose details were different", 0))
    waiting = fields.Integer(metadata=about("conversations still to be read", 0))
    drift = fields.Dict(
        keys=fields.String(), values=fields.Integer(),
        metadata=about("what no notification had told, by kind", {"message": 2}),
    )  # fmt: skip
    trouble = fields.String(allow_none=True, metadata=about("why it waits", None))


class ReconciliationPageSchema(PageSchema):
    """Passes, the newest first."""

    items = fields.List(fields.Nested(ReconciliationSchema))


class RepairSchema(Told):
    """One conversation that was not as the record had it, and what came of that."""

    conversation = fields.String(metadata=about("the channel's own id", "215471234567890"))
    session_id = fields.String(allow_none=True, metadata=example("ses_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    at = fields.DateTime(metadata=example(MOMENT))
    learned = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata=example({"assigned": 1})
    )
    effect = fields.String(allow_none=True, metadata=example("ai → human"))


class RepairPageSchema(PageSchema):
    """What a pass repaired."""

    items = fields.List(fields.Nested(RepairSchema))
