"""How often somebody may call us: a rate for each token, a bound for those who guess tokens."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from structlog.testing import capture_logs

from gateway.quota.callers import FAILURES, FAILURES_WINDOW_S, Callers, Standing
from gateway.wake import impatient_redis, patient_redis
from tests.quota.opened import opened
from tests.services.valkey import ValkeyServer

HERE, THERE = "192.0.2.1", "192.0.2.2"


def callers(
    url: str | None,
    *,
    per_second: int = 1,
    burst: int = 5,
    connect: Callable[[str], redis.Redis] = patient_redis,
) -> Callers:
    """A counter over a connection that does not lose its patience on a busy machine."""
    return Callers(opened(connect(url)) if url else None, per_second=per_second, burst=burst)


def counted(one: Callers, who: str = "tok_1") -> Standing:
    standing = one.count(who)
    assert standing is not None
    return standing


def test_a_token_has_a_rate_that_all_processes_share(valkey_url: str) -> None:
    one, other = callers(valkey_url, burst=500), callers(valkey_url, burst=500)
    standings = [counted(one), counted(other), counted(one, "tok_2"), counted(one)]
    assert all(standing.allowed for standing in standings)
    # 10 in ten seconds, and the burst.
    assert {standing.limit for standing in standings} == {510}
    assert [standing.remaining for standing in standings] == [509, 508, 509, 507]
    assert 0 < standings[0].reset_s <= 10


def test_too_many_at_once_are_refused_and_nobody_else_is(valkey_url: str) -> None:
    one = callers(valkey_url, burst=3)
    began = time.monotonic()
    standings = [counted(one) for _ in range(50)]
    if time.monotonic() - began < 0.9:
        assert [standing.allowed for standing in standings] == [True] * 3 + [False] * 47
        assert standings[-1].remaining == 0
        assert 0 < standings[-1].reset_s <= 1
    assert counted(one, "tok_2").allowed
    deadline = time.monotonic() + 30
    while not counted(one).allowed:
        assert time.monotonic() < deadline, "a token is let in again"
        time.sleep(0.1)


class Timed(MemoryStorage):
    """What `limits` keeps in memory, at a time that a test says; no thread, no waiting."""

    def __init__(self) -> None:
        self.at: dict[str, list[float]] = {}
        self.now = 0.0

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        entries = self.at.setdefault(key, [])
        if sum(one > self.now - expiry for one in entries) + amount > limit:
            return False
        entries.append(self.now)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        inside = [one for one in self.at.get(key, ()) if one > self.now - expiry]
        return (inside[0] if inside else self.now, len(inside))


@given(
    moments=st.lists(
        st.lists(st.floats(0, 1, exclude_max=True), max_size=5), min_size=1, max_size=30
    )
)
def test_whoever_keeps_to_the_rate_is_never_refused(moments: list[list[float]]) -> None:
    """Five a second by the caller's clock, wherever within each second."""
    one = callers(None, per_second=5, burst=0)
    storage = Timed()
    one._limiter = MovingWindowRateLimiter(storage)
    for second, within in enumerate(moments):
        for moment in sorted(within):
            storage.now = second + moment
            assert counted(one).allowed


def test_for_long_no_more_than_the_rate_gets_in() -> None:
    one = callers(None, per_second=5, burst=10)
    storage = Timed()
    one._limiter = MovingWindowRateLimiter(storage)
    let_in = 0
    for tick in range(100 * 100):
        storage.now = tick / 100
        let_in += counted(one).allowed
    assert 5 * 100 <= let_in <= 6 * 100


def test_whoever_guesses_is_sent_away_and_nobody_else_is(valkey_url: str) -> None:
    one = callers(valkey_url)
    one.holds("a token that held before")
    waits = [one.failed(HERE) for _ in range(FAILURES + 5)]
    assert waits[:FAILURES] == [0.0] * FAILURES
    assert all(0 < wait <= FAILURES_WINDOW_S for wait in waits[FAILURES:])
    assert 0 < one.shut_out(HERE, "a guess") <= FAILURES_WINDOW_S
    assert one.shut_out(THERE, "a guess") == 0
    assert one.failed(THERE) == 0
    assert one.shut_out(None, "a guess") == 0
    # Behind the same proxy there are others, whom this process or another one knows.
    assert one.shut_out(HERE, "a token that held before") == 0
    other = callers(valkey_url)
    assert other.failed(HERE) > 0
    assert other.shut_out(HERE, "a token that held before") == 0
    assert other.shut_out(HERE, "a guess") > 0


def test_with_ipv6_a_customer_is_a_network(valkey_url: str) -> None:
    one = callers(valkey_url)
    for number in range(FAILURES + 1):
        one.failed(f"2001:db8:0:1::{number:x}")
    assert one.shut_out("2001:db8:0:1:ffff::1", "a guess") > 0
    assert one.shut_out("2001:db8:0:2::1", "a guess") == 0


def test_without_redis_everybody_may(own_valkey: ValkeyServer) -> None:
    nobody = callers(None)
    assert nobody.count("tok_1") is None
    assert [nobody.failed(HERE) for _ in range(FAILURES + 5)] == [0.0] * (FAILURES + 5)
    nobody.holds("a token")
    assert nobody.shut_out(HERE, "a token") == 0

    one = callers(own_valkey.url, burst=2, connect=impatient_redis)
    own_valkey.stop()
    with capture_logs() as logs:
        began = time.monotonic()
        assert [one.count("tok_1") for _ in range(100)] == [None] * 100
        assert [one.failed(HERE) for _ in range(100)] == [0.0] * 100
        assert time.monotonic() - began < 5
    assert [line["event"] for line in logs] == ["calls_uncounted"]
    own_valkey.start()
    with capture_logs() as logs:
        deadline = time.monotonic() + 30
        while one.count("tok_1") is None:
            assert time.monotonic() < deadline, "it is counted again"
            time.sleep(0.05)
    assert "calls_counted" in [line["event"] for line in logs]


@pytest.mark.parametrize("address", [HERE, "2001:db8::1", None])
def test_failures_are_counted_wherever_they_come_from(valkey_url: str, address: str | None) -> None:
    one = callers(valkey_url)
    assert sum(one.failed(address) > 0 for _ in range(FAILURES + 1)) == 1
