"""Imports of a channel's past."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageSchema
from gateway.rails.parsing import Moment


class BackfillBody(ma.Schema):
    """Which conversations to import, by when they last changed; all of them if nothing is said."""

    since = Moment(allow_none=True, metadata=about("not before this time", MOMENT))
    until = Moment(allow_none=True, metadata=about("not after this time", MOMENT))

    @ma.validates_schema
    def check_order(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a time that ends before it begins."""
        since, until = data.get("since"), data.get("until")
        if since is not None and until is not None and since > until:
            raise ma.ValidationError("Is before since.", "until")


class BackfillSchema(Told):
    """An import of the conversations that last changed from `since` to `until`."""

    id = fields.String(metadata=example("bkf_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    channel = fields.String(metadata=example("acme-intercom"))
    since = fields.DateTime(allow_none=True, metadata=about("null: from the beginning", MOMENT))
    until = fields.DateTime(metadata=example(MOMENT))
    began_at = fields.DateTime(metadata=example(MOMENT))
    listed_at = fields.DateTime(allow_none=True, metadata=about("null: being listed", MOMENT))
    ended_at = fields.DateTime(allow_none=True, metadata=about("null: under way", MOMENT))
    stopped_at = fields.DateTime(
        allow_none=True, metadata=about("when somebody stopped it; it ended then", None)
    )
    expected = fields.Integer(
        allow_none=True, metadata=about("conversations, as the channel counts them", 20000)
    )
    found = fields.Integer(metadata=about("conversations listed, to be read", 19950))
    known = fields.Integer(metadata=about("conversations that had been read before", 50))
    read = fields.Integer(metadata=about("conversations read so far", 12000))
    gone = fields.Integer(metadata=about("conversations deleted meanwhile", 0))
    failed = fields.Integer(metadata=about("conversations that could not be read", 0))
    messages = fields.Integer(metadata=about("messages and notes that are new here", 118000))
    shortened = fields.Integer(metadata=about("conversations with lost parts", 1))
    lost = fields.Integer(metadata=about("parts that the channel does not tell any more", 20))
    people = fields.Integer(metadata=about("customers listed", 15000))
    staff = fields.Integer(metadata=about("people and teams of the workspace", 12))
    waiting = fields.Integer(metadata=about("conversations still to be read", 7950))
    trouble = fields.String(allow_none=True, metadata=about("why it waits", None))


class BackfillPageSchema(PageSchema):
    """Backfills, the newest first."""

    items = fields.List(fields.Nested(BackfillSchema))
