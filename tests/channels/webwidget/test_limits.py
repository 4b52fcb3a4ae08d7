"""How often a visitor and an address may call, and how much they may send."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app
from werkzeug.wrappers import Request

from gateway.channels.webwidget.deployments import Deployments
from gateway.channels.webwidget.routes.doors import MAX_BODY
from gateway.quota.callers import Callers
from gateway.wake import patient_redis
from tests.channels.webwidget.doors import doors_of
from tests.channels.webwidget.site import ACME, OTHER, PREFIX, Browser, Site
from tests.services.valkey import ValkeyServer

MANY = 100
"""So many calls are too many, even where each takes a while: 2 a second are allowed."""


def until_refused(call: Callable[[], TestResponse]) -> TestResponse:
    """Call until it is too often; fails if it never is."""
    for _ in range(MANY):
        answer = call()
        if answer.status_code == 429:
            return answer
    raise AssertionError("nobody was ever refused")


def counted(
    database_url: str, url: str, *, visitor: int = 50, address: int = 50, **more: Any
) -> Site:
    """A site whose calls are counted, however long Valkey takes: so many a second are allowed."""

    def callers(per_second: int) -> Callers:
        return Callers(patient_redis(url), per_second=per_second, burst=0)

    site = Site(database_url, **more)
    widgets = [
        replace(
            site.parts.widgets.of_name(name), visitors=callers(visitor), addresses=callers(address)
        )
        for name in (ACME, OTHER)
    ]
    site.use(Deployments(widgets, site.parts.widgets.tokens, strangers=callers(1)))
    return site


def knock(browser: Browser) -> TestResponse:
    return browser.call("POST", "/messages", {"client_id": "wrong!"})


def test_a_visitor_who_calls_too_often_is_told_when_to_come_back(
    migrated_sqlite_url: str, valkey_url: str
) -> None:
    site = counted(migrated_sqlite_url, valkey_url, visitor=1)
    eager, calm = site.browser(), site.browser()
    eager.open()
    calm.open()
    assert knock(eager).status_code == 422
    refused = until_refused(lambda: knock(eager))
    assert refused.json is not None
    assert refused.json["error"]["code"] == "too_many_requests"
    assert int(refused.headers["Retry-After"]) >= 1
    # The page's own script may read when.
    assert refused.headers["Access-Control-Allow-Origin"] == eager.origin
    assert refused.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert knock(calm).status_code == 422


def test_an_address_is_bounded_whoever_calls_from_it(
    migrated_sqlite_url: str, valkey_url: str
) -> None:
    site = counted(migrated_sqlite_url, valkey_url, address=1)
    client = site.app.test_client()

    def ask(key: str = f"{ACME}-key", address: str = "192.0.2.1") -> TestResponse:
        place = {"REMOTE_ADDR": address}
        return client.post(PREFIX + "/sessions", json={"key": key}, environ_base=place)

    assert ask().status_code == 200
    until_refused(ask)
    assert ask(address="192.0.2.77").status_code == 200
    # What is spent on one site is not spent on another.
    assert ask(f"{OTHER}-key").status_code == 200


def test_behind_a_proxy_the_address_is_the_visitors(
    migrated_sqlite_url: str, valkey_url: str
) -> None:
    site = counted(migrated_sqlite_url, valkey_url, address=1, trusted_proxies=1)
    client = site.app.test_client()

    numbers = itertools.count()

    def ask(address: str = "203.0.113.5") -> TestResponse:
        # What visitors say of themselves, before the proxy adds what it saw, is worth nothing.
        forwarded = f"198.51.100.{next(numbers)}, {address}"
        headers = {"X-Forwarded-For": forwarded}
        return client.post(PREFIX + "/sessions", json={"key": f"{ACME}-key"}, headers=headers)

    until_refused(ask)
    assert ask("203.0.113.6").status_code == 200


def test_guessing_tokens_counts_for_the_address(migrated_sqlite_url: str, valkey_url: str) -> None:
    site = counted(migrated_sqlite_url, valkey_url)
    guess, honest = site.browser(), site.browser()
    guess.token = "a guess"
    assert knock(guess).status_code == 401
    until_refused(lambda: knock(guess))
    # Whoever has one that holds shares the address, and is heard.
    honest.open()
    assert knock(honest).status_code == 422


def test_without_redis_everybody_may(migrated_sqlite_url: str, own_valkey: ValkeyServer) -> None:
    site = Site(migrated_sqlite_url, redis_url=own_valkey.url, requests_per_second=1)
    browser = site.browser()
    browser.open()
    own_valkey.stop()
    assert {knock(browser).status_code for _ in range(20)} == {422}
    unlimited = Site(migrated_sqlite_url, requests_per_second=1).browser()
    unlimited.open()
    assert {knock(unlimited).status_code for _ in range(20)} == {422}


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_a_message_is_refused_before_it_is_read(site: Site, chunked: bool) -> None:
    body = b'{"client_id": "a", "text": "' + b"x" * MAX_BODY + b'"}'
    for method, rule in doors_of(site.app):
        if method == "GET" or rule == "/files":  # which has a bound of its own
            continue
        browser = site.browser()
        browser.open()
        headers = {"Authorization": f"Bearer {browser.token}", "Origin": browser.origin or ""}
        environ = EnvironBuilder(PREFIX + rule, method=method, data=body, headers=headers)
        asked = environ.get_environ()
        if chunked:
            del asked["CONTENT_LENGTH"]
            asked |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
        # Not through the test client, which reads a body whose length is not announced.
        answer = TestResponse(*run_wsgi_app(site.app.wsgi_app, asked), request=Request(asked))
        if chunked and rule in ("/logout", "/stream_tickets"):  # they read no body at all
            assert answer.status_code < 300
            continue
        assert answer.status_code == 413, rule
        assert answer.json is not None
        assert answer.json["error"]["code"] == "too_large"
        assert answer.headers["Access-Control-Allow-Origin"] == browser.origin
