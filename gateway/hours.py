"""Working hours: a week as people write it, and when it is open by the clock of a time zone.

Mon-Fri 09:00-17:00
Mon-Thu 08:30-12:00 13:00-17:30, Fri 08:30-14:00, Sat 22:00-06:00
always
never
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONGEST = 300
"""How many characters a week may take."""

_NUMBERS = {day.lower(): number for number, day in enumerate(DAYS)}
_DAY_MINUTES = 24 * 60
_HORIZON = timedelta(days=400)
_TIMES = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_SHAPE = 'write them as "Mon-Fri 09:00-17:00, Sat 10:00-14:00", "always" or "never"'


@dataclass(frozen=True, slots=True, order=True)
class Shift:
    """A stretch that begins on a day of the week (0 is Monday), in minutes after its midnight.

    One that ends on the next day ends after minute 1440.
    """

    day: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hours:
    """A week. `text` is how it was written."""

    text: str
    shifts: tuple[Shift, ...]

    def is_open(self, at: datetime, zone: tzinfo, days_off: Collection[date] = ()) -> bool:
        """True if `at` (aware) lies in a shift; one that begins on a day off does not count.

        Shifts follow the clock on the wall: where the clock is put forward over a beginning or an
        end, that is the moment it is put forward; where it is put back, the first of the two.
        """
        today = at.astimezone(zone).date()
        days = (today - timedelta(days=1), today)
        return any(start <= at < end for start, end in self._stretches(days, zone, days_off))

    def opens_at(
        self, at: datetime, zone: tzinfo, days_off: Collection[date] = ()
    ) -> datetime | None:
        """When the next shift begins (UTC); None while one is open, and if none ever begins.

        It looks a little more than a year ahead.
        """
        if self.is_open(at, zone, days_off):
            return None
        day = at.astimezone(zone).date()
        last = min(day, date.max - _HORIZON) + _HORIZON
        while self.shifts and day <= last:
            starts = [start for start, _ in self._stretches((day,), zone, days_off) if start > at]
            if starts:
                return min(starts)
            day += timedelta(days=1)
        return None

    def _stretches(
        self, days: Collection[date], zone: tzinfo, days_off: Collection[date]
    ) -> Iterator[tuple[datetime, datetime]]:
        for day in days:
            if day in days_off:
                continue
            for shift in self.shifts:
                if shift.day == day.weekday():
                    start, end = (_moment(day, at, zone) for at in (shift.start, shift.end))
                    if start < end:  # what lies in an hour that the clock skips does not happen
                        yield start, end


def read_hours(text: str) -> Hours:
    """Read a week; raise ValueError with what is wrong and how it is written."""
    words = " ".join(text.split())
    if len(words) > LONGEST:
        raise ValueError(f"has more than {LONGEST} characters; {_SHAPE}")
    if words.lower() == "never":
        return Hours("never", ())
    if words.lower() == "always":
        return Hours("always", tuple(Shift(day, 0, _DAY_MINUTES) for day in range(7)))
    shifts: set[Shift] = set()
    for group in words.split(","):
        shifts |= set(_group(group.split()))
    return Hours(words, tuple(sorted(shifts)))


def _group(words: list[str]) -> Iterator[Shift]:
    days: list[int] = []
    times: list[tuple[int, int]] = []
    for word in words:
        stretch = _TIMES.fullmatch(word)
        if stretch:
            times.append(_read_times(word, *map(int, stretch.groups())))
        elif times:
            raise ValueError(f"{word[:20]!r} stands after a time; a comma is missing, or {_SHAPE}")
        else:
            days += _read_days(word)
    if not days or not times:
        raise ValueError(f"a part names no {'time' if days else 'day'}; {_SHAPE}")
    for day in days:
        for start, end in times:
            yield Shift(day, start, end)


def _read_days(word: str) -> list[int]:
    first, dash, last = word.lower().partition("-")
    if first not in _NUMBERS or (dash and last not in _NUMBERS):
        raise ValueError(f"{word[:20]!r} is no day and no time; {_SHAPE}")
    start = _NUMBERS[first]
    count = (_NUMBERS[last] - start) % 7 + 1 if dash else 1
    return [(start + step) % 7 for step in range(count)]


def _read_times(word: str, h1: int, m1: int, h2: int, m2: int) -> tuple[int, int]:
    start, end = h1 * 60 + m1, h2 * 60 + m2
    if end > _DAY_MINUTES or start == end:
        raise ValueError(f"{word!r} is no stretch of time; a day ends at 24:00")
    return start, end if end > start else end + _DAY_MINUTES


def _moment(day: date, minutes: int, zone: tzinfo) -> datetime:
    """The moment (UTC) at which a zone's clock shows so many minutes after a day's midnight."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # The clock skips this time: find the moment when it is put forward.
    early, late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late
