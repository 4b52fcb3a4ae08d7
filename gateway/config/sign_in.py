"""How people come into the console besides passwords: what can be set, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RoleName = Literal["admin", "operator", "viewer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """`[sign_in.oidc]`: an identity provider that speaks OpenID Connect."""

    # What the button says: *Sign in with NAME*.
    name: str
    # The provider's own name for itself, to the letter: an https address.
    issuer: str
    # Who we are there.
    client_id: str
    # ... and its proof; empty: a public client.
    client_secret: str = field(default="", repr=False)
    # What is asked for.
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    # Whose e-mail addresses may come in, by what stands after the @; empty: all.
    allowed_domains: tuple[str, ...] = ()
    # What becomes of people whom nobody has added.
    unknown_people: Literal["refuse", "viewer", "operator"] = "refuse"
    # Which claim says what somebody may do; dots go deeper.
    role_claim: str = ""
    # What it says → the role here; set anew at every sign-in.
    roles: Mapping[str, RoleName] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSettings:
    """`[sign_in]`: how people come into the console."""

    # May people sign in with a password?
    passwords: bool = True
    # `[sign_in.oidc]`
    oidc: OidcSettings | None = None
