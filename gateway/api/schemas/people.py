"""Whoever is named in answers."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.api.schemas.base import Told, about, example

_URL = "/api/v1/operators/opr_06f3k9w2v0a1b2c3d4e5f6g7h8/avatar?v=5f2b8e0c9d1a4f36"

ACTORS = ("customer", "ai", "operator", "bot", "system")


class SomebodySchema(Told):
    """Somebody who did or said something."""

    kind = fields.String(validate=validate.OneOf(ACTORS), metadata=example("operator"))
    id = fields.String(allow_none=True, metadata=example("opr_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    name = fields.String(metadata=example("Ann Operator"))


class AvatarSchema(Told):
    """What somebody looks like: a picture, or initials on a colour that stays theirs."""

    url = fields.String(
        allow_none=True,
        metadata=about("below the gateway's address", _URL),
    )
    initials = fields.String(metadata=example("AL"))
    colour = fields.String(metadata=about("white letters can be read on it", "#1f6197"))


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
    avatar = fields.Nested(AvatarSchema, allow_none=True)
