"""`[sign_in]` and the identity provider in it."""

import re
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from gateway.config.kinds import Choice, Flag, OneOrMore, Secret, Word, address_problem, needed
from gateway.config.schemas.table import Table
from gateway.config.sign_in import OidcSettings

_HERE = ("localhost", "127.0.0.1", "::1")


class Issuer(Word):
    """The name of a provider: an address that is compared to the letter, so none is changed."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        problem = address_problem(text)
        if problem is None and (urlsplit(text).query or urlsplit(text).fragment):
            problem = "must be an address without ? and #"
        if problem is None and not text.startswith("https://"):
            here = urlsplit(text).hostname in _HERE
            problem = None if here else "must begin with https://"
        if problem is not None:
            raise ValidationError(problem)
        return text


class Domain(Word):
    """What stands after the @ of e-mail addresses."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs).lower()
        if not re.fullmatch(r"[^\s@]+\.[^\s@.]+", text):
            raise ValidationError('must be a domain such as "acme.example"')
        return text


class OidcTable(Table):
    """`[sign_in.oidc]`"""

    name = Word(
        validate=validate.Length(max=60, error="must have at most 60 characters"),
        **needed("what the button says: Sign in with NAME"),
    )
    issuer = Issuer(**needed("the provider's issuer, as its discovery document spells it"))
    client_id = Word(**needed("the client id that the provider gave you"))
    client_secret = Secret()
    scopes = OneOrMore(Word(), only_lists=True)
    allowed_domains = OneOrMore(Domain(), only_lists=True)
    unknown_people = Choice("refuse", "viewer", "operator")
    role_claim = Word()
    roles = fields.Dict(
        keys=fields.String(),
        values=Choice("admin", "operator", "viewer"),
        error_messages={"invalid": "must be a table of what the claim says and roles"},
    )

    @validates_schema
    def check_roles(self, data: dict[str, Any], **_: Any) -> None:
        """A claim without roles says nothing, and roles without a claim are nobody's."""
        if bool(data.get("role_claim")) != bool(data.get("roles")):
            missing = "roles" if data.get("role_claim") else "role_claim"
            raise ValidationError("is missing; role_claim and roles belong together", missing)
        if "scopes" in data and "openid" not in data["scopes"]:
            raise ValidationError('must hold "openid"', "scopes")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> OidcSettings:
        """Make the setting."""
        return OidcSettings(**data)


class SignInTable(Table):
    """`[sign_in]`"""

    passwords = Flag()
    oidc = fields.Nested(OidcTable)

    @validates_schema
    def check_ways(self, data: dict[str, Any], **_: Any) -> None:
        """There is a way in."""
        if not data.get("passwords", True) and "oidc" not in data:
            raise ValidationError(
                "is false, and nobody could come in; add a table [sign_in.oidc]", "passwords"
            )
