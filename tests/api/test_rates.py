"""Rates at the API's doors: told in headers, refused with 429, never where channels knock."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.app import create_app
from gateway.quota.callers import FAILURES, Callers
from gateway.wake import patient_redis
from gateway.watch.answers import AnswerCounter
from tests.api.house import CHANNEL, House
from tests.api.test_errors import shape

# One call in ten seconds, and no more than two within one: waiting for a machine is no excuse.
FEW = {"per_second": 1, "burst": 0}


class Doors:
    """A house whose calls are counted."""

    def __init__(self, house: House, url: str, **rate: int) -> None:
        self.house = house
        callers = Callers(patient_redis(url), **rate)
        parts = replace(house.parts, callers=callers)
        self.client: FlaskClient = create_app(
            parts, AnswerCounter(house.database, every_s=0)
        ).test_client()

    def get(self, path: str = "/sessions", token: str | None = None, **more: Any) -> Any:
        token = token or self.house.tokens["operator"]
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.get("/api/v1" + path, headers=headers, **more)


@pytest.fixture
def few(sqlite_house: House, valkey_url: str) -> Iterator[Doors]:
    return Doors(sqlite_house, valkey_url, **FEW)


def refused(doors: Doors, token: str | None = None) -> Any:
    """The first 429; twelve in ten seconds are allowed, and that many do not take ten."""
    for _ in range(40):
        answer = doors.get(token=token)
        if answer.status_code != 200:
            return answer
    raise AssertionError("nothing was refused")


def test_a_token_that_calls_too_often_is_told_when_to_come_back(few: Doors) -> None:
    first = few.get()
    assert first.headers["RateLimit-Limit"] == "12"
    assert first.headers["RateLimit-Remaining"] == "11"
    assert 0 < int(first.headers["RateLimit-Reset"]) <= 10
    answer = refused(few)
    assert answer.status_code == 429
    assert shape(answer)["code"] == "too_many_requests"
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert answer.headers["X-Request-Id"]
    # Another token has a rate of its own.
    assert few.get(token=few.house.tokens["admin"]).status_code == 200


def test_channels_and_agents_are_never_told_to_wait(few: Doors) -> None:
    refused(few)
    for _ in range(50):
        hook = few.client.post(f"/webhooks/{CHANNEL}", data=b"{}")
        assert hook.status_code == 401
        assert "RateLimit-Limit" not in hook.headers
        reply = few.client.post(f"/api/v1/turns/trn_{'0' * 26}/reply", data=b"{}")
        assert reply.status_code == 404


def test_by_default_fifty_calls_a_second_are_not_refused(
    sqlite_house: House, valkey_url: str
) -> None:
    api = sqlite_house.parts.settings.api
    doors = Doors(sqlite_house, valkey_url, per_second=api.requests_per_second, burst=api.burst)
    answers = [doors.get("/channels") for _ in range(100)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["RateLimit-Limit"] == "600"


def test_guessing_is_bounded_by_address(few: Doors) -> None:
    known = few.house.tokens["admin"]
    assert few.get(token=known).status_code == 200
    codes = [few.get(token=f"gwt_{number:043}").status_code for number in range(FAILURES + 3)]
    assert codes == [401] * FAILURES + [429] * 3
    answer = few.get(token="gwt_" + "a" * 43)
    assert shape(answer)["code"] == "too_many_requests"
    assert int(answer.headers["Retry-After"]) >= 1
    # A token that is right is not even looked at, unless it is known: else guessing would pay.
    assert few.get(token=few.house.tokens["operator"]).status_code == 429
    assert few.get(token=known).status_code == 200
    elsewhere = {"REMOTE_ADDR": "192.0.2.9"}
    assert few.get(environ_overrides=elsewhere).status_code == 200


def test_without_redis_nobody_is_refused(sqlite_house: House) -> None:
    for _ in range(60):
        answer = sqlite_house.get("/channels")
        assert answer.status_code == 200
        assert "RateLimit-Limit" not in answer.headers
    assert {sqlite_house.get("/channels", role=None).status_code for _ in range(60)} == {401}
