"""An identity provider that says who somebody is: OpenID Connect, code flow with PKCE.

Nothing of a sign-in is kept before the provider has said yes, and nothing but who it was after it:
no token of the provider's outlives the call that brought it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clock import Clock
from gateway.config import OidcSettings, Settings
from gateway.oidc.attempts import Attempt, Attempts
from gateway.oidc.provider import Provider
from gateway.oidc.refusals import Denied, NotVouched, ProviderAway
from gateway.people.identities import Identities
from gateway.store import Database

__all__ = [
    "Attempt",
    "Attempts",
    "Denied",
    "Elsewhere",
    "NotVouched",
    "Provider",
    "ProviderAway",
    "open_provider",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What it takes to sign in at a provider."""

    provider: Provider
    attempts: Attempts
    identities: Identities


def open_provider(
    oidc: OidcSettings, settings: Settings, database: Database, clock: Clock
) -> Elsewhere:
    """What `[sign_in.oidc]` describes. Asks nothing yet."""
    return Elsewhere(
        provider=Provider(oidc, public_url=settings.public_url, clock=clock),
        attempts=Attempts(settings.secret_keys),
        identities=Identities(database, clock, oidc),
    )
