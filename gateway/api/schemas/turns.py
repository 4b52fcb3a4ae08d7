"""Late answers of AI agents."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.api.schemas.base import Told, example


class VerdictSchema(Told):
    """What became of an agent's answer."""

    status = fields.String(
        validate=validate.OneOf(("recorded", "discarded")), metadata=example("recorded")
    )
