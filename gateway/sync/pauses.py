"""What reading in the background shares: how long work is taken for, and whom to leave alone."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clock import Clock
from gateway.errors import Again, Never, Paused

LEASE_US = 60_000_000
"""A page or a conversation that was taken is free again after this (µs): its worker is dead."""

_LONGEST_PAUSE_S = 3600.0
_RESTS_S = 30.0
"""How long until a channel that rests is looked at again: a person must act first."""
_AFTER_TROUBLE_S = 30.0
_AFTER_REFUSAL_S = 300.0
"""How long a list is left alone that only a person can help; whoever has helped makes it due."""
_BREATH_S = 1.0
"""How long a channel that did not answer is left alone: the next question may fare as badly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long to leave one conversation alone that could not be read; `tried`: that was a try."""

    seconds: float
    tried: bool


class Pauses:
    """Channels that shall be left alone for a while, by this process. Safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def pause(self, channel: str, seconds: float) -> None:
        """Leave `channel` alone for so long."""
        self._until[channel] = self._clock.monotonic() + seconds

    def holds(self, channel: str) -> bool:
        """True while `channel` is to be left alone."""
        return self._until.get(channel, 0.0) > self._clock.monotonic()

    def after(self, channel: str, trouble: Again | Never | KeyError, tries: int) -> Wait:
        """What trouble with reading one conversation, for the so-many-th time, asks for.

        Where there was no room for a call, or no answer at all, the channel is left alone, too.
        """
        wished = _RESTS_S if isinstance(trouble, Paused) else getattr(trouble, "after_s", None)
        if wished is not None:  # it rests, or the budget of calls is used up: that is no try
            self.pause(channel, wished)
            return Wait(seconds=wished, tried=False)
        if isinstance(trouble, Again):
            self.pause(channel, _BREATH_S)
        return Wait(seconds=min(2.0 ** (tries + 1), _LONGEST_PAUSE_S), tried=True)

    def after_page(self, channel: str, trouble: Again | Never | KeyError) -> tuple[str, float]:
        """Why a page of a list was not there, and for how long (s) to leave that list alone."""
        if isinstance(trouble, KeyError):
            return "its channel is not configured", _AFTER_REFUSAL_S
        if isinstance(trouble, Never | Paused):
            return trouble.message, _AFTER_REFUSAL_S
        seconds = trouble.after_s or _AFTER_TROUBLE_S
        self.pause(channel, seconds)
        return trouble.message, seconds
