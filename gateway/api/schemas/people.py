"""Whoever is named in answers."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.api.schemas.base import Told, about, example

ACTORS = ("customer", "ai", "operator", "bot", "system")


class SomebodySchema(Told):
    """Somebody who did or said something."""

    kind = fields.String(validate=validate.OneOf(ACTORS), metadata=example("operator"))
    id = fields.String(allow_none=True, metadata=example("opr_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    name = fields.String(metadata=example("Ann Operator"))


class ResponsibleSchema(Told):
    """Who answers for a session."""

    kind = fields.String(
        validate=validate.OneOf(("ai", "operator", "unassigned", "bot")),
        metadata=example("operator"),
    )
    id = fields.String(allow_none=True, metadata=example("opr_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    name = fields.String(metadata=example("Ann Operator"))
    team = fields.String(allow_none=True, metadata=about("the channel's id of the team", "5017690"))
    team_name = fields.String(allow_none=True, metadata=example("Refunds"))
