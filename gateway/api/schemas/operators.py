"""Operators and teams: which ones, what is told of each, what may be changed."""

from __future__ import annotations

import base64
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageQuery, PageSchema
from gateway.api.schemas.people import AvatarSchema
from gateway.hours import LONGEST, read_hours
from gateway.people import avatars
from gateway.people.editing import MOST_DAYS_OFF, MOST_SESSIONS
from gateway.people.operators import ROLES
from gateway.people.presence import STATES
from gateway.rails.parsing import Flag, Whole, Words

_OPERATOR = "opr_06f3k9w2v0a1b2c3d4e5f6g7h8"
_TEAM = "tea_06f3k9w2v0a1b2c3d4e5f6g7h8"
_MOST_MEMBERS = 1_000
_PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def named(name: str, longest: int, *, required: bool = False) -> Words:
    """A name that is not blank."""
    blank = validate.Regexp(r"[\s\S]*\S", error="Must not be blank.")
    return Words(
        required=required,
        validate=[validate.Length(min=1, max=longest), blank],
        metadata=example(name),
    )


class OperatorSchema(Told):
    """A person inside, and how things are with them just now."""

    id = fields.String(metadata=example(_OPERATOR))
    email = fields.String(metadata=example("ann@acme.example"))
    name = fields.String(metadata=example("Ann Lee"))
    role = fields.String(validate=validate.OneOf(ROLES), metadata=example("operator"))
    active = fields.Boolean(metadata=about("false: deactivated, and kept for history", True))
    avatar = fields.Nested(AvatarSchema)
    presence = fields.String(
        validate=validate.OneOf((*STATES, "unknown")),
        metadata=about("unknown while Redis is away; it counts as not there", "online"),
    )
    in_hours = fields.Boolean(metadata=about("within working hours now", True))
    opens_at = fields.DateTime(
        allow_none=True,
        metadata=about("their next working time; null within it, and if none is known", MOMENT),
    )
    open_sessions = fields.Integer(metadata=example(3))
    max_sessions = fields.Integer(allow_none=True, metadata=about("null: no limit", 5))
    working_hours = fields.String(
        allow_none=True,
        metadata=about("null: the workspace's", "Mon-Fri 09:00-17:00"),
    )
    days_off = fields.List(fields.Date(), metadata=example(["2026-12-25"]))
    team_ids = fields.List(fields.String(), metadata=example([_TEAM]))
    links = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata=about("who they are in a channel, by its name", {"acme-intercom": "814861"}),
    )
    created_at = fields.DateTime(metadata=example(MOMENT))


class OperatorPageSchema(PageSchema):
    """Operators, by name."""

    items = fields.List(fields.Nested(OperatorSchema))


class OperatorsQuery(PageQuery):
    """Which operators."""

    active = Words(
        validate=validate.OneOf(("true", "false")),
        metadata=about("false: only those who are deactivated", "true"),
    )
    team = Words(validate=validate.Length(max=200), metadata=about("a team's id", _TEAM))


class Week(Words):
    """Working hours as people write them."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return read_hours(text).text
        except ValueError as error:
            raise ma.ValidationError(f"{error}.") from error


class OperatorBody(ma.Schema):
    """What is to be changed of an operator; what is left out stays."""

    name = named("Ann Lee", 200)
    role = Words(validate=validate.OneOf(ROLES), metadata=example("admin"))
    active = Flag(metadata=about("false deactivates, and ends their tokens for good", False))
    max_sessions = Whole(
        allow_none=True,
        validate=validate.Range(min=1, max=MOST_SESSIONS),
        metadata=about("null: no limit", 5),
    )
    working_hours = Week(
        allow_none=True,
        validate=validate.Length(max=LONGEST),
        metadata={
            **about("null: the workspace's", "Mon-Fri 09:00-17:00"),
            "format": "working-hours",
        },
    )
    days_off = fields.List(
        fields.Date(),
        validate=validate.Length(max=MOST_DAYS_OFF),
        metadata=about("all that there are", ["2026-12-25"]),
    )
    team_ids = fields.List(
        Words(validate=validate.Length(max=200)),
        validate=validate.Length(max=100),
        metadata=about("all that there are", [_TEAM]),
    )
    links = fields.Dict(
        keys=Words(validate=validate.Length(min=1, max=200)),
        values=Words(allow_none=True, validate=validate.Length(min=1, max=200)),
        metadata=about("those to change; null ends one", {"acme-intercom": "814861"}),
    )


class Picture(Words):
    """A picture in base64; read as bytes."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            content = base64.b64decode(text, validate=True)
        except ValueError:
            content = b""
        if avatars.type_of(content) is None:
            raise ma.ValidationError("Not a PNG, JPEG, WebP or GIF picture in base64.")
        if len(content) > avatars.LARGEST:
            raise ma.ValidationError(f"Has more than {avatars.LARGEST // 1024} KiB.")
        return content


class MeBody(ma.Schema):
    """What everybody may change of themselves; what is left out stays."""

    name = named("Ann Lee", 200)
    avatar = Picture(
        allow_none=True,
        metadata={**about("base64; null: initials", _PIXEL), "format": "picture"},
    )


class PresenceBody(ma.Schema):
    """Whether the caller is there."""

    state = Words(required=True, validate=validate.OneOf(STATES), metadata=example("online"))


class PresenceSchema(Told):
    """What was kept of it."""

    state = fields.String(validate=validate.OneOf(STATES), metadata=example("online"))
    until = fields.DateTime(
        allow_none=True,
        metadata=about("say it again before; null if it was not kept, or needs no end", MOMENT),
    )
    kept = fields.Boolean(metadata=about("false while Redis is away", True))


class TeamSchema(Told):
    """Operators who answer for the same customers."""

    id = fields.String(metadata=example(_TEAM))
    name = fields.String(metadata=example("First line"))
    member_ids = fields.List(fields.String(), metadata=example([_OPERATOR]))
    created_at = fields.DateTime(metadata=example(MOMENT))


class TeamListSchema(Told):
    """Every team, by name."""

    items = fields.List(fields.Nested(TeamSchema))
    next_cursor = fields.String(allow_none=True, metadata=about("always null", None))


class TeamBody(ma.Schema):
    """What is to be changed of a team; what is left out stays."""

    name = named("First line", 100)
    member_ids = fields.List(
        Words(validate=validate.Length(max=200)),
        validate=validate.Length(max=_MOST_MEMBERS),
        metadata=about("ids of operators, all that there are", [_OPERATOR]),
    )


class NewTeamBody(TeamBody):
    """A team to be made."""

    name = named("First line", 100, required=True)


class GoneSchema(Told):
    """What was removed."""

    id = fields.String(metadata=example(_TEAM))
