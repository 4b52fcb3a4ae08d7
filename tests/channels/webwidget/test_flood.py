"""A visitor who floods: refused after a few calls, and for next to nothing from then on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.app.resting import LONGEST_S, REST_S, resting
from tests.channels.webwidget.site import Browser, Site
from tests.services.processes import wait_until

FEW = {"requests_per_second": 2, "address_requests_per_second": 1_000}


@pytest.fixture
def site(migrated_sqlite_url: str, valkey_url: str) -> Iterator[Site]:
    site = Site(migrated_sqlite_url, redis_url=valkey_url, **FEW)
    yield site
    site.parts.database.dispose()


def refused(visitor: Browser) -> Any:
    """Call until it is too often."""
    for _ in range(40):
        answer = visitor.call("GET", "/messages")
        if answer.status_code == 429:
            return answer
    raise AssertionError("nothing was refused")


def test_the_same_answer_comes_without_asking_anybody(site: Site) -> None:
    reached: list[str] = []
    site.app.before_request(lambda: reached.append("flask"))
    flooding, other = site.browser(), site.browser()
    flooding.open()
    other.open()
    first = refused(flooding)
    reached.clear()
    for _ in range(20):
        again = flooding.call("POST", "/messages", {"client_id": "x", "text": "?"})
        assert (again.status_code, again.data) == (429, first.data)
        assert again.headers["Retry-After"] == first.headers["Retry-After"]
        assert again.headers["Access-Control-Allow-Origin"] == flooding.origin
    assert reached == []
    # Nobody else has a part in it: not behind the same address, and not without this token.
    assert other.call("GET", "/messages").status_code == 200
    assert site.browser().call("GET", "/messages").status_code == 401
    assert len(reached) == 2
    site.clock.advance(REST_S + 0.01)
    flooding.call("GET", "/messages")
    assert len(reached) == 3


def test_who_does_not_pause_is_not_heard_for_a_while(site: Site) -> None:
    reached: list[str] = []
    site.app.before_request(lambda: reached.append("flask"))
    flooding = site.browser()
    flooding.open()
    refused(flooding)
    reached.clear()
    waited_s = 0.0
    while not reached:
        site.clock.advance(REST_S * 0.9)
        waited_s += REST_S * 0.9
        flooding.call("GET", "/messages")
    # ... but not for ever: a page with an error in it is not left without its talk.
    assert LONGEST_S <= waited_s < LONGEST_S + REST_S


def test_one_of_a_visitors_calls_is_in_hand_at_a_time() -> None:
    inside, most, go = [0], [0], threading.Event()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        go.wait(10)
        inside[0] -= 1
        start_response("200 OK", [])
        return []

    door = resting(application, lambda: 0.0)

    def call(path: str, token: str) -> threading.Thread:
        environ = {"PATH_INFO": f"/widget/v1/{path}", "HTTP_AUTHORIZATION": token}
        thread = threading.Thread(target=door, args=(environ, lambda *_: None))
        thread.start()
        return thread

    threads = [call("messages", "ann") for _ in range(4)]
    wait_until(lambda: inside[0] == 1, "one of hers")
    threads += [call("messages", "bob"), call("files", "ann")]
    wait_until(lambda: inside[0] == 3, "somebody else's, and a file that takes its time")
    go.set()
    for thread in threads:
        thread.join(10)
    assert most[0] == 3


def test_another_page_does_not_get_to_read_it(site: Site) -> None:
    flooding = site.browser()
    flooding.open()
    refused(flooding)
    flooding.origin = "https://evil.example"
    answer = flooding.call("GET", "/messages")
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
