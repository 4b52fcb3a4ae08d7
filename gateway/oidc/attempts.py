"""Sign-ins that have begun: nothing is kept of them here, so whoever begins many costs nothing.

The browser keeps a word (a cookie that no script reads). What goes to the provider - state, nonce,
PKCE's verifier - is made of that word with a key of ours: who knows the word alone, or the address
of the provider's answer alone, can finish nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.oidc.refusals import NotVouched

LASTS_S = 600
"""So long somebody may take at the provider."""

_AUDIENCE = b"gateway: sign-ins at an identity provider, 1"
_WORD = re.compile(r"[A-Za-z0-9_-]{43}\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{0,3000})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sign-in on its way. `wanted` is where the person was going, as the browser says."""

    word: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    wanted: str = ""


class Attempts:
    """Begins sign-ins and takes them up again. Times are in seconds since 1970."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        """Several keys: one is being replaced. The first begins, any of them goes on."""
        self._keys = [hmac.digest(key.encode(), _AUDIENCE, hashlib.sha256) for key in secret_keys]

    def begin(self, wanted: str, now: float) -> Attempt:
        """A new one."""
        path = _spelled(wanted.encode("ascii", "ignore"))
        word = f"{secrets.token_urlsafe(32)}.{int(now):x}.{path}"
        return _attempt(self._keys[0], word, wanted)

    def go_on(self, word: str, state: str, now: float) -> Attempt:
        """The one that this word and this state belong to; raise NotVouched."""
        found = _WORD.fullmatch(word)
        if found is None:
            raise NotVouched("this browser did not begin to sign in")
        for key in self._keys:
            attempt = _attempt(key, word, _read(found[2]))
            if hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "replace")):
                break
        else:
            raise NotVouched("the state is not this browser's")
        # Signed by now: the word is ours to the letter.
        if not 0 <= now - int(found[1], 16) + 60 <= LASTS_S + 60:
            raise NotVouched("it took too long")
        return attempt


def _attempt(key: bytes, word: str, wanted: str) -> Attempt:
    def made(use: str) -> str:
        return _spelled(hmac.digest(key, f"{use}\n{word}".encode(), hashlib.sha256))

    return Attempt(
        word=word, state=made("state"), nonce=made("nonce"), verifier=made("verifier"),
        wanted=wanted,
    )  # fmt: skip


def _spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _read(text: str) -> str:
    """What was spelled; empty for what cannot be read (its state would not hold anyway)."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        return ""
