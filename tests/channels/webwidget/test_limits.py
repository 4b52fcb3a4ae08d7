"""How often a visitor and an address may call, and how much they may send."""

import pytest
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app
from werkzeug.wrappers import Request

from gateway.channels.webwidget.routes.doors import MAX_BODY
from tests.channels.webwidget.doors import doors_of
from tests.channels.webwidget.site import OTHER, PREFIX, Browser, Site
from tests.services.valkey import ValkeyServer

OFTEN = 60


def statuses(browser: Browser, count: int = OFTEN, address: str = "192.0.2.1") -> list[int]:
    """Call a door again and again."""
    return [
        browser.call(
            "POST", "/messages", {"client_id": "wrong!"}, environ_base={"REMOTE_ADDR": address}
        ).status_code
        for _ in range(count)
    ]


def test_a_visitor_who_calls_too_often_is_told_when_to_come_back(
    migrated_sqlite_url: str, valkey_url: str
) -> None:
    site = Site(migrated_sqlite_url, redis_url=valkey_url, requests_per_second=5)
    eager, calm = site.browser(), site.browser()
    eager.open()
    calm.open()
    found = statuses(eager)
    assert found[:5] == [422] * 5
    assert found[-1] == 429
    answer = eager.call("POST", "/messages", {"client_id": "a", "text": "b"})
    assert answer.status_code == 429
    assert answer.json is not None
    assert answer.json["error"]["code"] == "too_many_requests"
    assert int(answer.headers["Retry-After"]) >= 1
    # The page's own script may read when.
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert statuses(calm, 1) == [422]


def test_an_address_is_bounded_whoever_calls_from_it(
    migrated_sqlite_url: str, valkey_url: str
) -> None:
    site = Site(migrated_sqlite_url, redis_url=valkey_url, address_requests_per_second=5)
    client = site.app.test_client()
    found = [
        client.post(PREFIX + "/sessions", json={"key": "acme-web-key"}).status_code
        for _ in range(OFTEN)
    ]
    assert found[:5] == [200] * 5
    assert found[-1] == 429
    elsewhere = {"REMOTE_ADDR": "192.0.2.77"}
    answer = client.post(PREFIX + "/sessions", json={"key": "acme-web-key"}, environ_base=elsewhere)
    assert answer.status_code == 200
    # What is spent on one site is not spent on another.
    assert client.post(PREFIX + "/sessions", json={"key": f"{OTHER}-key"}).status_code == 200


def test_behind_a_proxy_the_address_is_the_visitors(
    migrated_sqlite_url: str, valkey_url: str
) -> None:
    site = Site(
        migrated_sqlite_url, redis_url=valkey_url, trusted_proxies=1, address_requests_per_second=5
    )
    client = site.app.test_client()

    def ask(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        answer = client.post(PREFIX + "/sessions", json={"key": "acme-web-key"}, headers=headers)
        return answer.status_code

    # What the visitor says of himself, before the proxy adds what it saw, is worth nothing.
    found = [ask(f"198.51.100.{number}, 203.0.113.5") for number in range(OFTEN)]
    assert found[-1] == 429
    assert ask("203.0.113.6") == 200


def test_guessing_tokens_counts_for_the_address(migrated_sqlite_url: str, valkey_url: str) -> None:
    site = Site(migrated_sqlite_url, redis_url=valkey_url)
    browser = site.browser()
    found = [
        browser.call("POST", "/messages", token=f"guess-{number}").status_code
        for number in range(40)
    ]
    assert (found[0], found[-1]) == (401, 429)
    # Whoever has one that holds shares the address, and is heard.
    browser.open()
    assert statuses(browser, 3) == [422] * 3


def test_without_redis_everybody_may(migrated_sqlite_url: str, own_valkey: ValkeyServer) -> None:
    site = Site(migrated_sqlite_url, redis_url=own_valkey.url, requests_per_second=5)
    browser = site.browser()
    browser.open()
    own_valkey.stop()
    assert set(statuses(browser)) == {422}
    unlimited = Site(migrated_sqlite_url, requests_per_second=5).browser()
    unlimited.open()
    assert set(statuses(unlimited)) == {422}


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
        if rule == "/logout" and chunked:  # reads no body at all
            continue
        assert answer.status_code == 413, rule
        assert answer.json is not None
        assert answer.json["error"]["code"] == "too_large"
        assert answer.headers["Access-Control-Allow-Origin"] == browser.origin
