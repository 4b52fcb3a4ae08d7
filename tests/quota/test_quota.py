"""One budget for every process: counted together in a real Valkey, or alone while it is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from gateway.clock import Clock, MovableClock
from gateway.errors import Again
from gateway.quota import Allowance, Quota
from gateway.wake import impatient_redis, patient_redis
from tests.quota.opened import opened
from tests.services.valkey import ValkeyServer

FORTY = Allowance(calls=40, window_s=10)
ALL, SHARE = 38, 24  # 95 % and 60 % of 40


def quota(
    url: str | None,
    name: str = "acme",
    clock: Clock | None = None,
    *,
    connect: Callable[[str], redis.Redis] = patient_redis,
) -> Quota:
    """A quota over a connection that does not lose its patience on a busy machine."""
    connection = opened(connect(url)) if url else None
    return Quota(connection, name, allowance=FORTY, clock=clock)


def refused(one: Quota, *, background: bool = False) -> float:
    """Return the wait that a refusal names; fail where there is none."""
    with pytest.raises(Again) as caught:
        one.admit(background=background)
    assert caught.value.after_s is not None
    assert caught.value.after_s > 0
    return caught.value.after_s


def admitted(one: Quota, *, background: bool = False, most: int = 500) -> int:
    """How many calls are admitted before the first refusal."""
    for count in range(most):
        try:
            one.admit(background=background)
        except Again:
            return count
    return most


def hears(
    one: Quota, *, remaining: int, limit: int | None = 40, window: float = 10, ends_in_s: float = 5
) -> None:
    one.learn(limit=limit, remaining=remaining, window=window, ends_in_s=ends_in_s)


@pytest.fixture(params=["shared", "alone"])
def url(request: pytest.FixtureRequest) -> str | None:
    """An empty Valkey, and none."""
    if request.param == "alone":
        return None
    found: str = request.getfixturevalue("valkey_url")
    return found


# -- shares


def test_total_and_background_share(url: str | None) -> None:
    one = quota(url)
    assert admitted(one, background=True) == SHARE
    assert admitted(one) == ALL - SHARE
    assert 9 < refused(one) <= 11
    assert 9 < refused(one, background=True) <= 11


def test_words_go_on_while_background_is_refused(url: str | None) -> None:
    one = quota(url)
    admitted(one, background=True)
    for _ in range(ALL - SHARE):
        assert refused(one, background=True) > 9
        one.admit(background=False)


def test_background_that_finds_the_total_used_up_is_not_charged(url: str | None) -> None:
    one = quota(url)
    assert admitted(one) == ALL
    for _ in range(SHARE):
        refused(one, background=True)
    hears(one, limit=80, remaining=80)  # the total is 76 now, the share 48
    assert admitted(one, background=True) == 76 - ALL


def test_processes_share_one_budget(valkey_url: str) -> None:
    one, two = quota(valkey_url), quota(valkey_url)
    assert [one.admit(background=True) for _ in range(12)] == [None] * 12
    assert admitted(two, background=True) == SHARE - 12
    assert refused(one, background=True) > 9
    assert admitted(one, most=7) == 7
    assert admitted(two) == ALL - SHARE - 7
    assert refused(one) > 9


def test_installations_do_not_wait_for_each_other(valkey_url: str) -> None:
    acme, other = quota(valkey_url, "acme"), quota(valkey_url, "other")
    admitted(acme)
    acme.pause(60)
    assert admitted(other) == ALL


def test_room_returns_with_time(valkey_url: str) -> None:
    quick = Allowance(calls=40, window_s=0)  # what is under way counts for a second
    one = Quota(opened(patient_redis(valkey_url)), "acme", allowance=quick)
    assert admitted(one) == ALL
    time.sleep(min(refused(one) + 0.05, 1.2))
    one.admit(background=False)


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_smallest_limits_let_something_through(url: str | None, calls: int) -> None:
    for background in (False, True):
        connection = opened(patient_redis(url)) if url else None
        one = Quota(
            connection, f"{calls}{background}", allowance=Allowance(calls=calls, window_s=10)
        )
        assert 1 <= admitted(one, background=background) <= calls


# -- what is learned


def test_learned_limit_holds_for_all_and_keeps_what_was_counted(valkey_url: str) -> None:
    one, two = quota(valkey_url), quota(valkey_url)
    assert admitted(two, most=10) == 10
    hears(one, limit=20, remaining=20)
    assert admitted(two) == 19 - 10
    hears(two, limit=60, remaining=60, window=11)
    newcomer = quota(valkey_url)
    assert admitted(newcomer, background=True) == 36
    assert admitted(newcomer) == 57 - 19 - 36


def test_learned_limit_is_told_anew_after_redis_was_emptied(
    valkey_url: str, valkey_server: ValkeyServer
) -> None:
    one = quota(valkey_url)
    hears(one, limit=20, remaining=20)
    valkey_server.empty()
    assert admitted(one) == 19  # by its own memory
    hears(one, limit=20, remaining=20)
    with redis.Redis.from_url(valkey_url) as client:
        assert client.get("quota:acme:limit") == b"20"


def test_few_calls_left_are_for_words(url: str | None) -> None:
    one = quota(url)
    hears(one, remaining=11)
    one.admit(background=True)
    hears(one, remaining=10)
    assert 4 < refused(one, background=True) <= 5
    assert admitted(one, most=10) == 10


def test_few_calls_left_stop_background_in_every_process(valkey_url: str) -> None:
    one, two = quota(valkey_url), quota(valkey_url)
    hears(one, remaining=3)
    assert 4 < refused(two, background=True) <= 5
    two.admit(background=False)


def test_nothing_left_stops_every_process(valkey_url: str) -> None:
    one, two = quota(valkey_url), quota(valkey_url)
    hears(one, remaining=0)
    for waiting in (one, two):
        assert 4 < refused(waiting) <= 5
        assert 4 < refused(waiting, background=True) <= 5


def test_a_refusal_of_the_channel_stops_every_process(valkey_url: str) -> None:
    one, two = quota(valkey_url), quota(valkey_url)
    one.pause(0.4)
    assert 0 < refused(one) <= 0.4
    assert 0 < refused(two) <= 0.4
    time.sleep(0.45)
    one.admit(background=False)
    two.admit(background=True)


def test_a_shorter_pause_does_not_end_a_longer_one(url: str | None) -> None:
    one = quota(url)
    one.pause(300)
    one.pause(1)
    hears(one, remaining=0, ends_in_s=1)
    assert refused(one) > 200
    if url:
        assert refused(quota(url)) > 200


def test_calls_under_way_count_before_their_answers_come(url: str | None) -> None:
    one = quota(url)
    hears(one, limit=None, remaining=5)
    assert admitted(one) == 5
    hears(one, limit=None, remaining=5)  # an answer that knew of none of the five
    assert refused(one) > 4
    hears(one, limit=None, remaining=9, window=20)
    assert admitted(one) == 9


def test_late_answer_of_an_older_window_changes_nothing(url: str | None) -> None:
    one = quota(url)
    hears(one, remaining=40, window=20)
    hears(one, remaining=0, window=10)
    one.admit(background=True)


def test_a_wrong_window_is_forgotten_when_its_pause_is_over() -> None:
    clock = MovableClock(datetime.now(UTC))
    one = quota(None, clock=clock)
    hears(one, limit=None, remaining=9, window=99_999_999_999, ends_in_s=60)
    clock.advance(60)
    hears(one, limit=None, remaining=0, window=20)
    assert refused(one) == 5
    clock.advance(5)
    one.admit(background=True)


# -- Redis


def test_keys_have_a_name_of_ours_and_expire(valkey_url: str) -> None:
    one = quota(valkey_url)
    hears(one, remaining=3)
    one.admit(background=False)
    hears(one, remaining=0)
    two = quota(valkey_url, "two")
    two.admit(background=True)
    with redis.Redis.from_url(valkey_url) as client:
        left = {key.decode(): client.pttl(key) for key in client.scan_iter()}
    assert set(left) == {
        "quota:acme:limit",
        "quota:acme:pause",
        "quota:acme:pause:background",
        "quota:acme:everybody",
        "quota:two:everybody",
        "quota:two:background",
    }
    assert all(0 < milliseconds <= 3_600_000 for milliseconds in left.values())
    counted = [left[key] for key in left if key.endswith(("everybody", "two:background"))]
    assert max(counted) <= 11_000


def test_redis_may_be_emptied_at_any_time(valkey_url: str, valkey_server: ValkeyServer) -> None:
    one = quota(valkey_url)
    admitted(one)
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        client.script_flush()
    assert admitted(one) == ALL


def test_without_redis_each_counts_alone_until_it_is_back(own_valkey: ValkeyServer) -> None:
    clock = MovableClock(datetime.now(UTC))
    one, two = (quota(own_valkey.url, clock=clock) for _ in range(2))
    one.admit(background=False)
    own_valkey.stop()
    with capture_logs() as logs:
        assert admitted(one, background=True) == SHARE
        assert admitted(one) == ALL - SHARE
        clock.advance(2)  # Redis is tried again, in vain
        assert admitted(one) == 0
        hears(one, remaining=0)
        one.pause(3)
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["quota_alone"]
    own_valkey.start()
    assert admitted(two) == ALL  # nobody told it
    clock.advance(6)
    with capture_logs() as logs:
        # What two has used counts. (The clock was moved on by 8 s, and Redis was not.)
        assert 1 < refused(one) <= 3.5
    assert [line["event"] for line in logs] == ["quota_shared"]
    with capture_logs() as logs:
        own_valkey.stop()
        refused(one)
    assert [line["event"] for line in logs] == ["quota_alone"]


@pytest.mark.parametrize("what", ["gone", "silent"])
def test_redis_that_is_away_holds_nobody_up(own_valkey: ValkeyServer, what: str) -> None:
    clock = MovableClock(datetime.now(UTC))
    one = quota(own_valkey.url, clock=clock, connect=impatient_redis)
    one.admit(background=True)
    if what == "gone":
        own_valkey.stop()
    else:
        with redis.Redis.from_url(own_valkey.url) as client:
            client.client_pause(5000)
    assert _seconds(lambda: one.admit(background=True)) < 0.4
    assert _seconds(lambda: [one.admit(background=True) for _ in range(20)]) < 0.4
    clock.advance(2)
    assert _seconds(lambda: hears(one, remaining=0)) < 0.4
    refused(one)


def _seconds(act: Callable[[], Any]) -> float:
    begun = time.monotonic()
    act()
    return time.monotonic() - begun


def test_nobody_is_connected_before_the_first_call() -> None:
    Quota(impatient_redis("redis://127.0.0.1:1"), "acme", allowance=FORTY)


def test_what_is_left_is_known_to_every_process(valkey_url: str) -> None:
    with patient_redis(valkey_url) as here, patient_redis(valkey_url) as there:
        one, other = (Quota(connection, "acme", allowance=FORTY) for connection in (here, there))
        before = other.headroom()
        assert before is not None
        assert (before.calls, before.left, before.window_s, before.paused_s) == (40, ALL, 10, 0)
        for _ in range(3):
            one.admit(background=False)
        hears(one, limit=100, remaining=90)
        one.pause(5)
        after = other.headroom()
        assert after is not None
        assert (after.calls, after.left) == (100, 95 - 3)
        assert 4 < after.paused_s <= 5


def test_without_redis_nobody_knows_what_is_left() -> None:
    assert quota(None).headroom() is None
