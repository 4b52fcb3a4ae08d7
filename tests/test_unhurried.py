"""Which answers are refusals that wait, and whose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from gateway.app import at_its_pace
from gateway.app.unhurried import unhurried
from gateway.config.settings import ApiSettings
from gateway.quota.refusals import Refusals
from tests.api.house import CHANNEL, House

KNOWN = {"HTTP_COOKIE": "gateway=x"}


class Told(Refusals):
    """Who was made to wait."""

    def __init__(self) -> None:
        self.waited: list[str] = []

    def wait(self, network: str) -> None:
        self.waited.append(network)


def asked(status: str, proxies: int = 0, **environ: str) -> list[str]:
    told = Told()

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, [])
        assert told.waited == []
        return [b"no"]

    answered: list[str] = []
    door = unhurried(application, told, proxies)
    body = door({"REMOTE_ADDR": "192.0.2.1", **environ}, lambda said, *_: answered.append(said))
    assert (list(body), answered) == ([b"no"], [status])
    return told.waited


@pytest.mark.parametrize("status", ["401 UNAUTHORIZED", "429 TOO MANY REQUESTS"])
def test_who_is_not_let_in_waits_whoever_they_say_they_are(status: str) -> None:
    assert asked(status) == ["192.0.2.1"]
    assert asked(status, HTTP_AUTHORIZATION="Bearer x") == ["192.0.2.1"]


def test_a_stranger_waits_for_any_no_and_somebody_known_does_not() -> None:
    assert asked("404 NOT FOUND") == ["192.0.2.1"]
    assert asked("404 NOT FOUND", **KNOWN) == []
    assert asked("400 BAD REQUEST", HTTP_X_HUB_SIGNATURE="sha1=x") == []


@pytest.mark.parametrize("status", ["200 OK", "302 FOUND", "409 CONFLICT", "503 UNAVAILABLE"])
def test_nothing_else_waits(status: str) -> None:
    assert asked(status) == []


def test_behind_proxies_it_is_the_address_that_they_saw() -> None:
    forged = {"HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.7"}
    assert asked("401 NO", **forged) == ["192.0.2.1"]
    assert asked("401 NO", proxies=1, **forged) == ["198.51.100.7"]


def test_it_stands_in_front_of_every_door(
    migrated_sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(Refusals, "wait", lambda self, network: seen.append(network))
    house = House(migrated_sqlite_url)
    client = at_its_pace(house.app, house.parts).test_client()
    assert client.get("/healthz").status_code == 200
    assert seen == []
    for path in ("/nothing", "/api/v1/sessions", "/widget/v1/messages"):
        assert client.get(path).status_code in (401, 404)
    assert client.post(f"/webhooks/{CHANNEL}", data=b"{}").status_code == 401
    assert seen == ["127.0.0.1"] * 4
    house.parts.database.dispose()


def test_connections_of_a_crowd_are_put_aside_but_not_those_of_a_proxy(
    migrated_sqlite_url: str,
) -> None:
    house = House(migrated_sqlite_url)
    app = at_its_pace(house.app, house.parts)
    assert app.extensions["aside"]("127.0.0.1") == 0.0
    settings = replace(house.parts.settings, api=ApiSettings(trusted_proxies=1))
    app.extensions.clear()
    at_its_pace(app, replace(house.parts, settings=settings))
    assert "aside" not in app.extensions
    house.parts.database.dispose()
