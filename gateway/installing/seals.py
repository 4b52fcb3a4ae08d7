"""Seals for tokens: authenticated encryption by keys that are derived from GATEWAY_SECRET_KEY.

A seal holds for one place (`of`): a token that is moved to another row does not open. It names its
key, so keys of before still open what they sealed while everything is sealed anew.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import Paused

_FORM = b"\x01"
_KEY, _NAME, _NONCE = 32, 8, 12
_INFO = b"gateway.installing.token"

UNOPENED = (
    "its token was sealed with another GATEWAY_SECRET_KEY: put that one into "
    "GATEWAY_SECRET_KEY_PREVIOUS, or install the app again"
)


class Seals:
    """Seals with the newest key, opens with any. Safe to share."""

    def __init__(self, secret_key: str, previous: Sequence[str] = ()) -> None:
        names = [_derived(key) for key in (secret_key, *previous)]
        self._current, _ = names[0]
        # The newest wins where a key is named twice.
        self._keys = {name: AESGCM(key) for name, key in reversed(names)}

    def seal(self, text: str, of: str) -> bytes:
        """Seal `text` for this place."""
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self._current].encrypt(nonce, text.encode(), of.encode())
        return _FORM + self._current + nonce + sealed

    def open(self, sealed: bytes, of: str) -> str:
        """Return what was sealed for this place; raise Paused if no key of ours opens it."""
        name, nonce, rest = _parts(sealed)
        key = self._keys.get(name)
        if key is None:
            raise Paused(UNOPENED)
        try:
            return key.decrypt(nonce, rest, of.encode()).decode()
        except InvalidTag as error:
            raise Paused(UNOPENED) from error

    def is_current(self, sealed: bytes) -> bool:
        """True if it was sealed with the newest key."""
        return _parts(sealed)[0] == self._current


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    start = len(_FORM)
    name, nonce = start + _NAME, start + _NAME + _NONCE
    return sealed[start:name], sealed[name:nonce], sealed[nonce:]


def _derived(secret_key: str) -> tuple[bytes, bytes]:
    """A name that tells nothing of the key, and the key."""
    kdf = HKDF(algorithm=SHA256(), length=_NAME + _KEY, salt=None, info=_INFO)
    made = kdf.derive(secret_key.encode())
    return made[:_NAME], made[_NAME:]
