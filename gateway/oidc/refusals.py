"""What can go wrong between us and a provider."""

from __future__ import annotations

from gateway.errors import Again, Forbidden, NotAuthentic


class ProviderAway(Again):
    """The provider cannot be asked, or does not speak as it should; nothing was done."""

    code = "provider_away"


class NotVouched(NotAuthentic):
    """What came back does not hold: forged, old, another sign-in's, or another provider's."""

    code = "not_vouched"


class Denied(Forbidden):
    """The provider, or the person there, said no."""

    code = "denied"
