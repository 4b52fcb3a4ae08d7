"""Tickets for streams: a browser's EventSource sends no header, so what lets it in is in the URL.

A ticket holds for a minute and opens nothing but the stream, so that a URL that ends up in a log is
worth nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.channels.webwidget.refusals import TokenExpired
from gateway.channels.webwidget.signing import Signer
from gateway.clock import Clock, to_micros

LASTS_S = 60
_SALT = "gateway.widget.ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Whose stream it opens: a visitor in a generation of theirs; it ends at `until` (µs)."""

    channel: str
    visitor: str
    generation: int
    until: int


class Tickets:
    """Makes and reads tickets; the key that signs them is used for nothing else."""

    def __init__(self, secret_key: str | Sequence[str], clock: Clock) -> None:
        self._clock = clock
        self._signer = Signer(secret_key, _SALT, "this is no ticket of ours; ask for one")

    def make(self, ticket: Ticket) -> str:
        """Return a ticket as it stands in a URL."""
        return self._signer.sign(
            [ticket.channel, ticket.visitor, ticket.generation, ticket.until, self._now()]
        )

    def read(self, text: str) -> Ticket:
        """Return what a ticket says; raise TokenInvalid if it is none of ours, or TokenExpired."""
        said = self._signer.read(text, tuple[str, str, int, int, int])
        channel, visitor, generation, until, made_at = said
        if self._now() - made_at >= LASTS_S * 1_000_000:
            raise TokenExpired("this ticket has expired; ask for another one")
        return Ticket(channel=channel, visitor=visitor, generation=generation, until=until)

    def _now(self) -> int:
        return to_micros(self._clock.now())
