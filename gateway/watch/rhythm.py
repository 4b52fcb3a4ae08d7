"""A channel's usual rhythm: how much comes at this time of the week, by the low side of the past.

Careful on purpose, since a false alarm wakes somebody: of several past weeks the lower middle
counts, of weeks and days the smaller, and where the same kind of day has never been seen nothing is
expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median_low

from gateway.clock import from_micros
from gateway.signs import DAY_US, HOUR_US, Silence

Hours = Mapping[int, tuple[int, int]]
"""Notifications, and minutes in which any came, by the hour's beginning."""

_WEEK_US = 7 * DAY_US
_WEEKS, _DAYS = 5, 7


def silence(hours: Hours, since: int, now: int, known_since: int) -> Silence:
    """What usually comes between `since` and `now`. An hour without a row had nothing.

    Hours like which none has been seen add nothing; only if there are no others nothing is said.
    """
    now = min(now, since + _WEEK_US)  # a week of it says enough
    notifications = minutes = 0.0
    known = False
    hour = since - since % HOUR_US
    while hour <= now:
        usual = usual_hour(hours, hour, known_since, since)
        if usual is not None:
            known = True
            share = (min(now, hour + HOUR_US) - max(since, hour)) / HOUR_US
            notifications += usual[0] * share
            minutes += usual[1] * share
        hour += HOUR_US
    if not known:
        return Silence(since=since)
    return Silence(since=since, notifications=notifications, minutes=minutes)


def usual_hour(
    hours: Hours, hour: int, known_since: int, before: int
) -> tuple[float, float] | None:
    """What comes in an hour like this one; None if none like it has been seen.

    Only whole hours between `known_since` and `before` are the past: the silence itself is not.
    """

    def seen(at: int) -> bool:
        return at >= known_since and at + HOUR_US <= before

    weeks = [at for back in range(1, _WEEKS + 1) if seen(at := hour - back * _WEEK_US)]
    days = [
        at
        for back in range(1, _DAYS + 1)
        if seen(at := hour - back * DAY_US) and _is_weekend(at) == _is_weekend(hour)
    ]
    guesses = [[hours.get(at, (0, 0)) for at in past] for past in (weeks, days) if past]
    if not guesses:
        return None
    return (
        min(median_low([count for count, _ in past]) for past in guesses),
        min(median_low([minutes for _, minutes in past]) for past in guesses),
    )


def _is_weekend(at: int) -> bool:
    return from_micros(at).weekday() >= 5
