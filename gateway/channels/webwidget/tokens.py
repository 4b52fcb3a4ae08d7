"""Visitors' tokens: signed here, bound to a deployment, good for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.channels.webwidget.refusals import TokenExpired
from gateway.channels.webwidget.signing import Signer
from gateway.clock import Clock, to_micros

FRESH_S = 86_400
"""A token older than this is replaced by the next call that may."""

_SALT = "gateway.widget.visitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token says: who, of which channel, in which generation of theirs, made when (µs)."""

    channel: str
    visitor: str
    generation: int
    made_at: int


class Tokens:
    """Makes and reads tokens. They hold nothing but names; whoever has one is the visitor."""

    def __init__(self, secret_key: str | Sequence[str], clock: Clock) -> None:
        """The key that signs is derived from `secret_key`, and used for nothing else.

        Several keys: one is being replaced; the first signs.
        """
        self._clock = clock
        self._signer = Signer(secret_key, _SALT, "this is no token of ours; ask for a session")

    def make(self, channel: str, visitor: str, generation: int) -> str:
        """Return a fresh token."""
        now = to_micros(self._clock.now())
        return self._signer.sign([channel, visitor, generation, now])

    def read(self, text: str) -> Token:
        """Return what a token says, however old; raise TokenInvalid if it was not made here."""
        said = self._signer.read(text, tuple[str, str, int, int])
        channel, visitor, generation, made_at = said
        return Token(channel=channel, visitor=visitor, generation=generation, made_at=made_at)

    def expires_at(self, token: Token, days: float) -> int:
        """Until when a token holds in a deployment whose tokens hold for so many days (µs)."""
        return token.made_at + int(days * 86_400_000_000)

    def check_age(self, token: Token, days: float) -> None:
        """Raise TokenExpired if the token is older."""
        if self.expires_at(token, days) <= to_micros(self._clock.now()):
            raise TokenExpired("this token has expired; ask for a session with it")

    def is_fresh(self, token: Token) -> bool:
        """Whether it need not be replaced yet."""
        return to_micros(self._clock.now()) - token.made_at < FRESH_S * 1_000_000
