"""The one source of time. Code that depends on time takes a `Clock`; tests move theirs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Wall time for the record, monotonic time for deadlines within a process."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean something."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some fixed point."""
        return time.monotonic()


class MovableClock:
    """A clock that stands still until it is moved; used by tests and by the demo's story."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The time it was last moved to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds moved forward since it was made."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970 of an aware `instant`: exact, unlike a float timestamp."""
    return (instant - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC time at `micros` microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def to_time(micros: int | None) -> str | None:
    """A moment as ISO 8601 in UTC with a Z, None for none."""
    if micros is None:
        return None
    try:
        moment = from_micros(micros)
    except OverflowError:  # a channel's nonsense must not hide a whole list
        moment = (
            datetime.max.replace(tzinfo=UTC) if micros > 0 else datetime.min.replace(tzinfo=UTC)
        )
    return moment.isoformat().replace("+00:00", "Z")
