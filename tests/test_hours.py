"""Working hours: how they are written, and when they are open, also when the clock is changed.

HOURS_EXAMPLES=20000 with HYPOTHESIS_PROFILE=explore looks for longer.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.hours import DAYS, Hours, Shift, read_hours

EXAMPLES = int(os.environ.get("HOURS_EXAMPLES", "100"))
DUBLIN, BERLIN, NEW_YORK = (
    ZoneInfo(name) for name in ("Europe/Dublin", "Europe/Berlin", "America/New_York")
)


def at(text: str, zone: ZoneInfo = DUBLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "shifts"),
    [
        ("Mon 09:00-17:00", [(0, 540, 1020)]),
        ("  fri   09:00-17:00 ", [(4, 540, 1020)]),
        ("Mon 09:00-12:00 13:00-17:00", [(0, 540, 720), (0, 780, 1020)]),
        ("Mon Wed 09:00-10:00, Sun 00:00-24:00", [(0, 540, 600), (2, 540, 600), (6, 0, 1440)]),
        ("Sat-Mon 00:00-24:00", [(0, 0, 1440), (5, 0, 1440), (6, 0, 1440)]),
        ("Sat 22:00-06:00", [(5, 1320, 1800)]),
        ("Sat 22:00-00:00", [(5, 1320, 1440)]),
        ("Mon-Mon 09:00-10:00", [(0, 540, 600)]),
        ("Mon 09:00-10:00, Mon 09:00-10:00", [(0, 540, 600)]),
        ("never", []),
        ("Always", [(day, 0, 1440) for day in range(7)]),
    ],
)  # fmt: skip
def test_a_week_is_read(text: str, shifts: list[tuple[int, int, int]]) -> None:
    assert [(one.day, one.start, one.end) for one in read_hours(text).shifts] == shifts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no day"),
        ("Mon", "names no time"),
        ("09:00-17:00", "names no day"),
        ("Mon 9-17", "'9-17' is no day and no time"),
        ("Monday 09:00-17:00", "'Monday' is no day"),
        ("Mon-Fry 09:00-17:00", "'Mon-Fry' is no day"),
        ("Mon 09:00-25:00", "is no day and no time"),
        ("Mon 09:00-24:30", "is no stretch of time"),
        ("Mon 09:00-09:00", "is no stretch of time"),
        ("Mon 24:00-09:00", "is no day and no time"),
        ("Mon 09:00-17:00 Tue 09:00-17:00", "a comma is missing"),
        ("Mon 09:00-17:00,", "names no day"),
        ("Mon 09:00-17:00, " * 20, "more than 300 characters"),
        ("always never", "is no day"),
    ],
)
def test_what_is_no_week_is_told_with_how_it_is_written(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"is no stretch|write them as") as told:
        read_hours(text)
    assert said in str(told.value)


def test_a_day_at_the_office() -> None:
    hours = read_hours("Mon-Fri 09:00-17:00")
    monday = "2026-11-23"
    for time, is_open in (("08:59", False), ("09:00", True), ("16:59", True), ("17:00", False)):
        assert hours.is_open(at(f"{monday} {time}"), DUBLIN) is is_open
    assert not hours.is_open(at("2026-11-22 12:00"), DUBLIN)
    # Noon in Dublin is early morning in New York.
    assert not hours.is_open(at(f"{monday} 12:00"), NEW_YORK)


def test_when_it_opens_next() -> None:
    hours = read_hours("Mon-Fri 09:00-12:00 13:00-17:00")
    opens = {
        "2026-11-23 08:00": "2026-11-23 09:00",
        "2026-11-23 12:00": "2026-11-23 13:00",
        "2026-11-23 17:00": "2026-11-24 09:00",
        "2026-11-27 17:00": "2026-11-30 09:00",
    }
    for now, opening in opens.items():
        assert hours.opens_at(at(now), DUBLIN) == at(opening)
    assert hours.opens_at(at("2026-11-23 10:00"), DUBLIN) is None
    assert read_hours("never").opens_at(at("2026-11-23 10:00"), DUBLIN) is None
    off = {date(2026, 11, 24), date(2026, 11, 25)}
    assert hours.opens_at(at("2026-11-23 17:00"), DUBLIN, off) == at("2026-11-26 09:00")
    assert not hours.is_open(at("2026-11-24 10:00"), DUBLIN, off)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    hours = read_hours("Sat 22:00-06:00")
    assert hours.is_open(at("2026-11-29 05:59"), DUBLIN)
    assert not hours.is_open(at("2026-11-29 06:00"), DUBLIN)
    assert not hours.is_open(at("2026-11-29 05:59"), DUBLIN, {date(2026, 11, 28)})
    assert hours.is_open(at("2026-11-29 05:59"), DUBLIN, {date(2026, 11, 29)})


def test_nine_oclock_is_nine_oclock_in_summer_and_in_winter() -> None:
    hours = read_hours("Sun 09:00-17:00")
    # Dublin puts the clock forward on 29 March 2026 and back on 25 October.
    assert hours.opens_at(at("2026-03-29 00:30"), DUBLIN) == datetime(2026, 3, 29, 8, tzinfo=UTC)
    assert hours.opens_at(at("2026-10-25 00:30"), DUBLIN) == datetime(2026, 10, 25, 9, tzinfo=UTC)


def test_the_hour_that_the_clock_skips() -> None:
    # In Berlin the clock goes from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC.
    changed = datetime(2026, 3, 29, 1, tzinfo=UTC)
    early = datetime(2026, 3, 29, 0, tzinfo=UTC)
    assert read_hours("Sun 02:30-05:00").opens_at(early, BERLIN) == changed
    until = read_hours("Sat 22:00-02:30")
    assert until.is_open(changed - timedelta(seconds=1), BERLIN)
    assert not until.is_open(changed, BERLIN)
    # What lies within it does not happen that night.
    assert read_hours("Sun 02:10-02:50").opens_at(early, BERLIN) == at("2026-04-05 02:10", BERLIN)


def test_the_hour_that_comes_twice() -> None:
    # In Berlin 02:00-03:00 comes twice on 25 October 2026; the second one begins at 01:00 UTC.
    begins = read_hours("Sun 02:30-05:00")
    assert begins.opens_at(at("2026-10-25 01:00", BERLIN), BERLIN) == at("2026-10-25 02:30", BERLIN)
    # Once begun it is not interrupted: on the wall it is 02:10 again, and still within.
    assert begins.is_open(at("2026-10-25 02:10", BERLIN, fold=1), BERLIN)
    assert not read_hours("Sat 22:00-02:30").is_open(at("2026-10-25 02:10", BERLIN, fold=1), BERLIN)


weeks = st.lists(
    st.tuples(
        st.sampled_from(DAYS), st.integers(0, 95), st.integers(1, 96), st.sampled_from(["", "-Sun"])
    ).filter(lambda one: one[1] != one[2]),
    min_size=1, max_size=4,
).map(
    lambda parts: ", ".join(
        f"{day}{to} {a // 4:02}:{a % 4 * 15:02}-{b // 4:02}:{b % 4 * 15:02}"
        for day, a, b, to in parts
    )
)  # fmt: skip
zones = st.sampled_from(
    ["UTC", "Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
     "Africa/Cairo", "Pacific/Apia"]
)  # fmt: skip
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(
    lambda wall: wall.replace(microsecond=0, tzinfo=UTC)
)


@settings(max_examples=EXAMPLES)
@given(weeks, zones, moments)
def test_the_clock_on_the_wall_tells_whether_it_is_open(
    text: str, name: str, now: datetime
) -> None:
    """Where the clock is not changed, wall time within a shift and `is_open` are the same."""
    hours, zone = read_hours(text), ZoneInfo(name)
    wall = now.astimezone(zone)
    near = {(now + timedelta(hours=step)).astimezone(zone).utcoffset() for step in range(-48, 25)}
    if len(near) == 1:
        assert hours.is_open(now, zone) is _on_the_wall(hours, wall)


def _on_the_wall(hours: Hours, wall: datetime) -> bool:
    minute = wall.hour * 60 + wall.minute

    def holds(one: Shift) -> bool:
        today = one.day == wall.weekday() and one.start <= minute < one.end
        night = one.day == (wall.weekday() - 1) % 7 and minute < one.end - 1440
        return today or night

    return any(holds(one) for one in hours.shifts)


@settings(max_examples=EXAMPLES)
@given(weeks, zones, moments)
def test_it_opens_when_it_says(text: str, name: str, now: datetime) -> None:
    """Closed until then, open at that moment; and within eight days unless the clock skips it."""
    hours, zone = read_hours(text), ZoneInfo(name)
    opens = hours.opens_at(now, zone)
    if opens is None:
        assert hours.is_open(now, zone)
        return
    assert not hours.is_open(now, zone)
    assert hours.is_open(opens, zone)
    assert not hours.is_open(opens - timedelta(seconds=1), zone)
    assert opens - now <= timedelta(days=15)
