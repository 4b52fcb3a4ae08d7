"""When silence is unusual: never in the first days, at night or at the weekend; by day it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.channels.intercom import health
from gateway.channels.intercom.people import Seats
from gateway.clock import to_micros
from gateway.signs import HOUR_US, Pass, Signs, Topic
from gateway.watch import rhythm

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def at(days: int, hour: int = 0, minute: int = 0) -> int:
    return to_micros(MONDAY + timedelta(days=days, hours=hour, minutes=minute))


def office(until: int, *, per_hour: int = 30, minutes: int = 20) -> dict[int, tuple[int, int]]:
    """Monday to Friday, 9 to 17; nothing else."""
    hours = {}
    hour = at(0)
    while hour < until:
        moment = MONDAY + timedelta(microseconds=hour - at(0))
        if moment.weekday() < 5 and 9 <= moment.hour < 17:
            hours[hour] = (per_hour, minutes)
        hour += HOUR_US
    return hours


def is_wrong(hours: dict[int, tuple[int, int]], since: int, now: int) -> bool:
    quiet = rhythm.silence(hours, since, now, known_since=at(0))
    topics = {"ping": Topic(first_at=at(0), last_at=since, count=1)}
    signs = Signs(
        channel="shop", now=now, address="https://gw", known_since=at(0), topics=topics,
        silence=quiet,
    )  # fmt: skip
    found = {one.code: one for one in health.judge(signs, seats=Seats("1"))}
    return not found["silent"].ok


@pytest.mark.parametrize(
    ("since", "now", "wrong"),
    [
        pytest.param((0, 10), (0, 23), False, id="the first day"),
        pytest.param((1, 10), (1, 10, 30), False, id="half an hour of 20 minutes is 10"),
        pytest.param((1, 10), (1, 10, 40), True, id="the second day, by the first"),
        pytest.param((4, 16, 59), (7, 8), False, id="the first weekend"),
        pytest.param((4, 16, 59), (7, 9, 30), False, id="the Monday after, early"),
        pytest.param((4, 16, 59), (7, 10), True, id="the Monday after, an hour late"),
        pytest.param((21, 16, 59), (22, 3), False, id="three at night"),
        pytest.param((21, 16, 59), (22, 9, 20), False, id="the morning, a little late"),
        pytest.param((21, 16, 59), (22, 10), True, id="the morning without a word"),
        pytest.param((25, 16, 59), (28, 8), False, id="a weekend"),
        pytest.param((22, 10), (40, 3), True, id="weeks"),
    ],
)
def test_an_office(since: tuple[int, ...], now: tuple[int, ...], wrong: bool) -> None:
    last = at(*since)
    assert is_wrong(office(last), last, at(*now)) is wrong


def test_one_loud_week_is_no_rhythm() -> None:
    last = at(22, 10)
    hours = office(last, per_hour=2, minutes=2)
    for hour in range(9, 17):
        hours[at(15, hour)] = (500, 60)  # the same day of the week before, once
    assert not is_wrong(hours, last, at(22, 15))


def test_a_burst_is_one_minute() -> None:
    """40 notifications that come in two minutes of an hour are two chances, not 40."""
    last = at(22, 10)
    assert not is_wrong(office(last, per_hour=40, minutes=2), last, at(22, 12))


def test_what_reading_finds_is_proof() -> None:
    def found(drift: int, after_min: int, since: int = 1) -> bool:
        last = at(1, 3)
        now = last + after_min * 60_000_000
        passes = [
            Pass(since=last + since, began_at=last + 1, ended_at=now, drift={"message": drift})
        ]
        topics = {"ping": Topic(first_at=at(0), last_at=last, count=1)}
        signs = Signs(
            channel="shop", now=now, address="https://gw", known_since=at(0), topics=topics,
            silence=rhythm.silence({}, last, now, at(0)), passes=passes,
        )  # fmt: skip
        (silent,) = [one for one in health.judge(signs, seats=Seats("1")) if one.code == "silent"]
        return silent.ok

    assert found(2, 30)
    assert found(3, 10)
    assert not found(3, 15)
    assert found(3, 15, since=-1)  # what was lost may lie before the last one that came


def test_words() -> None:
    last = at(22, 10)
    quiet = rhythm.silence(office(last), last, at(22, 13, 10), at(0))
    signs = Signs(
        channel="shop", now=at(22, 13, 10), address="https://gw/webhooks/shop", known_since=at(0),
        topics={"ping": Topic(first_at=at(0), last_at=last, count=1)}, silence=quiet,
        passes=[Pass(since=last + 1, began_at=last + 1, ended_at=last + 2, drift={"message": 7})],
    )  # fmt: skip
    (silent,) = [one for one in health.judge(signs, seats=Seats("1")) if one.code == "silent"]
    assert silent.what == (
        "no notification for 3 h 10 min; at this time of the week usually about 95 come in so "
        "long; reading Intercom found 7 things meanwhile that one should have told"
    )
    assert "https://gw/webhooks/shop" in silent.do
    assert silent.since == last
