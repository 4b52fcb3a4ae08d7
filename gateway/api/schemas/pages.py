"""Lists: where in one, and how much of it."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import Told, about
from gateway.rails.parsing import Words
from gateway.reading.cursors import DEFAULT_LIMIT, MAX_LIMIT


class Cursor(Words):
    """`next_cursor` of a page; what is none is refused where it is read (400)."""

    def __init__(self) -> None:
        super().__init__(
            validate=validate.Length(max=1_000),
            metadata={"description": "`next_cursor` of a page of this list", "format": "cursor"},
        )


class PageQuery(ma.Schema):
    """Where in a list, and how much of it."""

    cursor = Cursor()
    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(min=1, max=MAX_LIMIT),
        metadata=about("how many at most", DEFAULT_LIMIT),
    )


class PageSchema(Told):
    """Part of a list; its `items` come in subclasses."""

    next_cursor = fields.String(
        allow_none=True,
        metadata=about("what to ask for next as `cursor`; null at the end", "WyJzZXNfMDZmMyJd"),
    )
