"""What a visitor carries is signed here, not kept: short lists of names and numbers, as words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from itsdangerous import BadData, URLSafeSerializer

from gateway.channels.webwidget.refusals import TokenInvalid

LONGEST = 1_000

Said = TypeVar("Said", bound=tuple[object, ...])


class Signer:
    """Signs lists and reads them back. Its key is derived for one use, and serves no other."""

    def __init__(self, secret_key: str | Sequence[str], salt: str, refusal: str) -> None:
        """`salt` names the use; `refusal` is what is said of words that were not signed here.

        Of several keys the first one signs, and what any of them signed is believed.
        """
        self._refusal = refusal
        self._serializer = URLSafeSerializer(
            [secret_key] if isinstance(secret_key, str) else secret_key[::-1],
            salt=salt,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def sign(self, said: list[str | int]) -> str:
        """Return a list as words that stand in a header or a URL."""
        return str(self._serializer.dumps(said))

    def read(self, text: str, kind: type[Said]) -> Said:
        """Return what was signed, which is of this kind; raise TokenInvalid."""
        if not 0 < len(text) <= LONGEST:
            raise TokenInvalid(self._refusal)
        try:
            # The signature is compared in constant time, before anything is decoded.
            return msgspec.convert(self._serializer.loads(text), type=kind)
        except (BadData, ValueError):
            raise TokenInvalid(self._refusal) from None
