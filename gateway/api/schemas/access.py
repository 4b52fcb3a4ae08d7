"""How operators come in: new ones, their passwords, their API tokens."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.operators import OperatorBody, named
from gateway.people import passwords
from gateway.people.operators import EMAIL, LONGEST_EMAIL, ROLES
from gateway.rails.parsing import Words

_OPERATOR = "opr_06f3k9w2v0a1b2c3d4e5f6g7h8"
_TOKEN = "tok_06f3k9w2v0a1b2c3d4e5f6g7h8"


def _password(description: str, *, required: bool) -> Words:
    return Words(
        required=required,
        validate=validate.Length(min=passwords.SHORTEST, max=passwords.LONGEST),
        metadata=about(description, "a long sentence is fine"),
    )


class NewOperatorBody(OperatorBody):
    """A person to be added."""

    class Meta:
        exclude = ("active",)

    email = Words(
        required=True,
        validate=[
            validate.Length(max=LONGEST_EMAIL),
            validate.Regexp(rf"\s*(?:{EMAIL})\s*\Z", error="Not an e-mail address."),
        ],
        metadata=about("with which they sign in; kept in lower case", "ann@acme.example"),
    )
    name = named("Ann Lee", 200, required=True)
    role = Words(required=True, validate=validate.OneOf(ROLES), metadata=example("operator"))
    password = _password("without one they cannot sign in to the console", required=False)


class PasswordBody(ma.Schema):
    """A password for somebody."""

    password = _password("the new one", required=True)


class MyPasswordBody(PasswordBody):
    """A new password for oneself."""

    current_password = Words(
        required=True,
        validate=validate.Length(max=passwords.LONGEST),
        metadata=about("the one that holds until now", "an old sentence"),
    )


class PasswordSetSchema(Told):
    """That it was set."""

    id = fields.String(metadata=about("of the operator", _OPERATOR))
    message = fields.String(metadata=example("Password set"))


class TokenSchema(Told):
    """What is known of a token."""

    id = fields.String(metadata=example(_TOKEN))
    created_at = fields.DateTime(metadata=example(MOMENT))
    revoked_at = fields.DateTime(
        allow_none=True, metadata=about("null: it lets its operator in", None)
    )


class NewTokenSchema(TokenSchema):
    """A token that was made, and the token itself."""

    token = fields.String(metadata=about("shown just once", "gwt_…"))


class TokenListSchema(Told):
    """Every token that an operator ever had, the newest first."""

    items = fields.List(fields.Nested(TokenSchema))
    next_cursor = fields.String(allow_none=True, metadata=about("always null", None))
