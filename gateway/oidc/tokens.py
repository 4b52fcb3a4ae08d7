"""ID tokens: what a provider has signed for us, this sign-in, just now - or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from gateway.oidc.refusals import NotVouched

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
)  # fmt: skip
"""With keys of which we know the public half: never `none`, never a shared secret."""
LEEWAY_S = 60
_LONGEST = 64 * 1024
_LONGEST_SUBJECT = 255


class UnknownKey(NotVouched):
    """The token names a key that is not among those we have."""


def read_id_token(
    text: Any,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    now: float,
) -> Mapping[str, Any]:
    """Return the claims of a token that holds; raise NotVouched, UnknownKey among them."""
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST:
        raise NotVouched("there is no ID token")
    try:
        token = jwt.decode(
            text, keys, registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        )
        claims = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": issuer},
             "aud": {"essential": True, "value": client_id}},
            {"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )  # fmt: skip
        claims.validate(now=int(now), leeway=LEEWAY_S)
    except InvalidKeyIdError as error:
        raise UnknownKey(f"the ID token does not hold: {error.error}") from None
    except JoseError as error:
        # Its code alone: what stands in the token is the other side's.
        raise NotVouched(f"the ID token does not hold: {error.error}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise NotVouched(f"the ID token cannot be read: {type(error).__name__}") from None
    subject = claims["sub"]
    # 255 ASCII characters at most, says OpenID Connect (core, 2).
    plain = isinstance(subject, str) and subject.isascii() and subject.isprintable()
    if not plain or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise NotVouched("the ID token names nobody")
    return dict(claims)
