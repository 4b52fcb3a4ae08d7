"""Known visitors: a JWT that the site's server has signed says who it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from gateway.channels.webwidget.refusals import JwtExpired, JwtInvalid
from gateway.channels.webwidget.words import fit
from gateway.clock import Clock

LONGEST = 8_000
LEEWAY_S = 60
"""So far may the clock of the site's server be from ours."""
LONGEST_LIFE_S = 86_400
_USER_MAX = 200
_DETAIL_MAX = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a JWT proves: the site's id of its user, and what the site knows of them."""

    user: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Identities:
    """Reads the JWTs of one deployment."""

    def __init__(self, secrets: Sequence[str], clock: Clock) -> None:
        """`secrets`: any of them may have signed. Without one, nobody can prove anything."""
        self._secrets = tuple(secret for secret in secrets if secret)
        self._clock = clock

    def read(self, token: str) -> Proof:
        """Return what a JWT proves; raise JwtInvalid or JwtExpired."""
        if not self._secrets:
            raise JwtInvalid("this widget has no identity_secret, so nobody can be identified")
        if len(token) > LONGEST:
            raise JwtInvalid("the JWT is too long")
        claims = self._claims(token)
        self._check_times(claims)
        user = claims.get("sub")
        if isinstance(user, int) and not isinstance(user, bool):
            user = str(user)  # libraries for servers often write ids as numbers
        if not isinstance(user, str) or not user.strip() or len(user) > _USER_MAX:
            raise JwtInvalid(f"the JWT's sub must be text of 1 to {_USER_MAX} characters")
        if fit(user) != user:
            raise JwtInvalid("the JWT's sub holds a character that is not text")
        return Proof(
            user=user, name=_detail(claims, "name"), email=_detail(claims, "email"),
            phone=_detail(claims, "phone"),
        )  # fmt: skip

    def _claims(self, token: str) -> Mapping[str, Any]:
        for secret in self._secrets:
            try:
                # Times are checked by our own clock. The algorithm is ours to name, never the
                # token's: `none` and public keys are refused before a signature is looked at.
                claims: Mapping[str, Any] = jwt.decode(
                    token, secret, algorithms=["HS256"],
                    options={
                        "verify_exp": False, "verify_nbf": False, "verify_iat": False,
                        "verify_aud": False, "verify_iss": False, "verify_sub": False,
                        "verify_jti": False,
                    },
                )  # fmt: skip
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                raise JwtInvalid("this is no JWT of HS256") from None
            return claims
        raise JwtInvalid("the JWT is not signed with this widget's identity_secret")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        ends = _time(claims, "exp")
        if ends is None:
            raise JwtInvalid("the JWT has no exp")
        if ends + LEEWAY_S <= now:
            raise JwtExpired("the JWT has expired")
        begins = _time(claims, "nbf")
        if begins is not None and begins - LEEWAY_S > now:
            raise JwtInvalid("the JWT does not hold yet")
        made = _time(claims, "iat")
        if made is not None and made - LEEWAY_S > now:
            raise JwtInvalid("the JWT was made in the future")
        # Without iat, a JWT that still holds for more than a day was made to hold for longer.
        if ends - (now if made is None else made) > LONGEST_LIFE_S + LEEWAY_S:
            raise JwtInvalid("the JWT holds for more than a day")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A time in seconds since 1970; None if there is none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise JwtInvalid(f"the JWT's {name} is not a time in seconds")
    return float(value)


def _detail(claims: Mapping[str, Any], name: str) -> str | None:
    """A detail of the user; what cannot be one is left out: who it is, is proven all the same."""
    value = claims.get(name)
    if not isinstance(value, str):
        return None
    return fit(value).strip()[:_DETAIL_MAX] or None
