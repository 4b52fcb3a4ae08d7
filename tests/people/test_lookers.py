"""Who has a session open: told by pages, forgotten by itself, and never waited for."""

from __future__ import annotations

from datetime import UTC, datetime

import redis

from gateway.clock import MovableClock
from gateway.people.lookers import LASTS_S, Looker, Lookers
from gateway.wake import impatient_redis

ANN, BOB = Looker(id="opr_a", name="Ann: the first"), Looker(id="opr_b", name="Bob")


def lookers(connection: redis.Redis | None) -> tuple[Lookers, MovableClock]:
    clock = MovableClock(datetime(2026, 11, 23, 10, tzinfo=UTC))
    return Lookers(connection, clock), clock


def test_each_is_told_of_the_others_until_they_leave_or_fall_silent(valkey_url: str) -> None:
    it, clock = lookers(impatient_redis(valkey_url))
    assert it.say("ses_1", ANN, on=True) == []
    assert it.say("ses_1", BOB, on=True) == [ANN]
    assert it.say("ses_2", BOB, on=True) == [], "each session has its own"
    assert it.say("ses_1", ANN, on=True) == [BOB]
    it.say("ses_1", BOB, on=False)
    assert it.say("ses_1", ANN, on=True) == []
    assert it.say("ses_1", BOB, on=True) == [ANN]
    clock.advance(LASTS_S + 1)
    assert it.say("ses_1", BOB, on=True) == []


def test_without_redis_nobody_is_seen_and_nothing_fails() -> None:
    it, _ = lookers(None)
    assert it.say("ses_1", ANN, on=True) == ()
    it, _ = lookers(impatient_redis("redis://127.0.0.1:1/0"))
    assert it.say("ses_1", ANN, on=True) == ()
