"""Visitors' tokens: signed here, bound to a deployment, good for a while."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec
from itsdangerous import BadData, URLSafeSerializer

from gateway.channels.webwidget.refusals import TokenExpired, TokenInvalid
from gateway.clock import Clock, to_micros

FRESH_S = 86_400
"""A token older than this is replaced by the next call that may."""

LONGEST = 1_000
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

    def __init__(self, secret_key: str, clock: Clock) -> None:
        """The key that signs is derived from `secret_key`, and used for nothing else."""
        self._clock = clock
        self._serializer = URLSafeSerializer(
            secret_key,
            salt=_SALT,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def make(self, channel: str, visitor: str, generation: int) -> str:
        """Return a fresh token."""
        now = to_micros(self._clock.now())
        return str(self._serializer.dumps([channel, visitor, generation, now]))

    def read(self, text: str) -> Token:
        """Return what a token says, however old; raise TokenInvalid if it was not made here."""
        if not 0 < len(text) <= LONGEST:
            raise TokenInvalid("this is no token of ours; ask for a session")
        try:
            # The signature is compared in constant time, before anything is decoded.
            said = msgspec.convert(self._serializer.loads(text), type=tuple[str, str, int, int])
        except (BadData, ValueError):
            raise TokenInvalid("this is no token of ours; ask for a session") from None
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
