"""Pace: evenly, never more than a second's worth at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.clock import MovableClock
from gateway.sync.pace import Pace


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 26, tzinfo=UTC))


def begin_all(pace: Pace) -> int:
    begun = 0
    while pace.room():
        pace.begin()
        begun += 1
    return begun


def test_no_more_than_so_many_in_a_second(clock: MovableClock) -> None:
    pace = Pace(clock, 40)
    assert begin_all(pace) == 40
    begun = 0
    for _ in range(50):  # a look every 20 ms
        clock.advance(0.02)
        begun += begin_all(pace)
    assert begun == pytest.approx(40, abs=1)


def test_quiet_hours_are_not_saved_up(clock: MovableClock) -> None:
    pace = Pace(clock, 40)
    clock.advance(3600)
    assert begin_all(pace) == 40
