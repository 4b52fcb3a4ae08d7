"""Privacy: what an erasure takes, what stays and why, and what other systems keep."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.rails.parsing import Words

LONGEST_REASON = 200


class EraseBody(ma.Schema):
    """Why somebody is erased, and whom the caller means."""

    confirm = Words(
        required=True,
        validate=validate.Length(min=1, max=300),
        metadata=about("what the customer is called, to the letter", "Carol Customer"),
    )
    reason = Words(
        required=True,
        validate=validate.Length(min=1, max=LONGEST_REASON),
        metadata=about("kept for good: name nobody in it", "asked for it, request 4711"),
    )


class ElsewhereSchema(Told):
    """A record that another system keeps, and that is to be erased there."""

    channel = fields.String(metadata=example("acme-intercom"))
    kind = fields.String(
        validate=validate.OneOf(("contact", "conversation")), metadata=example("conversation")
    )
    id = fields.String(metadata=about("the other system's own", "215471234567890"))
    url = fields.String(allow_none=True, metadata=about("where it is shown there", None))


class KeptSchema(Told):
    """What stays after an erasure, and why."""

    what = fields.String(metadata=example("That sessions were, when, how long, and who answered"))
    why = fields.String(metadata=example("Counts stay true; nobody can be told from them."))


class ErasureSchema(Told):
    """What is, or was, erased of a customer; the first four are null before it is asked for."""

    id = fields.String(allow_none=True, metadata=example(None))
    began_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    ended_at = fields.DateTime(allow_none=True, metadata=about("null while it goes on", MOMENT))
    reason = fields.String(allow_none=True, metadata=example("asked for it, request 4711"))
    by = fields.String(allow_none=True, metadata=about("who asked for it", "Sam Supervisor"))
    counts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata=example({"sessions": 3, "messages": 41}),
    )
    kept = fields.List(fields.Nested(KeptSchema))
    kept_elsewhere = fields.List(fields.Nested(ElsewhereSchema))


class ErasedSchema(Told):
    """What was said, and the erasure."""

    message = fields.String(metadata=example("Customer erased"))
    erasure = fields.Nested(ErasureSchema)
