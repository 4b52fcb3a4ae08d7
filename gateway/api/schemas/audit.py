"""Who did what."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageQuery, PageSchema
from gateway.rails.parsing import Moment, Words

ACTORS = ("operator", "cli", "system")
OUTCOMES = ("begun", "done", "refused")


class _Wanted(ma.Schema):
    """Which entries."""

    actor = Words(
        validate=validate.Length(min=1, max=200),
        metadata=about("an operator's id, or `operator`, `cli`, `system`", "cli"),
    )
    action = Words(validate=validate.Length(min=1, max=200), metadata=example("hand_over"))
    object = Words(
        validate=validate.Length(min=1, max=200),
        metadata=about("an id, or a kind such as `session`", "session"),
    )
    outcome = Words(validate=validate.OneOf(OUTCOMES), metadata=example("refused"))
    since = Moment(metadata=about("at this time or later", MOMENT))
    until = Moment(metadata=about("before this time", MOMENT))


class AuditQuery(_Wanted, PageQuery):
    """Which entries, and where in the list."""


class AuditExportQuery(_Wanted):
    """Which entries, and in which form."""

    format = Words(
        load_default="jsonl",
        validate=validate.OneOf(("jsonl", "csv")),
        metadata=about("a JSON object per line, or a table", "csv"),
    )


class AuditActorSchema(Told):
    """Whoever acted, and from where."""

    kind = fields.String(validate=validate.OneOf(ACTORS), metadata=example("operator"))
    id = fields.String(allow_none=True, metadata=example("opr_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    name = fields.String(metadata=about("as they were called then", "Ann Operator"))
    token_id = fields.String(
        allow_none=True, metadata=about("the API token", "tok_06f3k9w2v0a1b2c3d4e5f6g7h8")
    )
    address = fields.String(allow_none=True, metadata=about("of the caller", "192.0.2.17"))


class AuditObjectSchema(Told):
    """What was acted on."""

    kind = fields.String(metadata=example("session"))
    id = fields.String(allow_none=True, metadata=example("ses_06f3k9w2v0a1b2c3d4e5f6g7h8"))


class AuditEntrySchema(Told):
    """One action."""

    id = fields.String(metadata=example("aud_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    at = fields.DateTime(metadata=example(MOMENT))
    actor = fields.Nested(AuditActorSchema)
    action = fields.String(metadata=about("the door's operationId, or the command", "hand_over"))
    object = fields.Nested(AuditObjectSchema, allow_none=True)
    before = fields.Dict(
        keys=fields.String(), allow_none=True,
        metadata=about("what was changed, as it had been", {"mode": "ai"}),
    )  # fmt: skip
    after = fields.Dict(
        keys=fields.String(), allow_none=True,
        metadata=about("... and as it was then", {"mode": "human"}),
    )  # fmt: skip
    outcome = fields.String(
        validate=validate.OneOf(OUTCOMES),
        metadata=about("`begun`: an entry of what it came to follows", "done"),
    )
    reason = fields.String(allow_none=True, metadata=about("why it was refused", None))
    request_id = fields.String(
        allow_none=True, metadata=about("X-Request-Id of the answer", "req_06f3k9w2v0a1b2c3d4e5f6g")
    )


class AuditPageSchema(PageSchema):
    """Entries, the newest first."""

    items = fields.List(fields.Nested(AuditEntrySchema))
