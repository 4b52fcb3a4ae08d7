"""What reading in the background shares: how long work is taken for, and whom to leave alone."""

from __future__ import annotations

from gateway.clock import Clock

LEASE_US = 60_000_000
"""A page or a conversation that was taken is free again after this (µs): its worker is dead."""


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
