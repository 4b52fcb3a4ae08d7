"""A visitor who floods: refused after a few calls, and for next to nothing from then on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.app.resting import REST_S
from tests.channels.webwidget.site import Browser, Site

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


def test_another_page_does_not_get_to_read_it(site: Site) -> None:
    flooding = site.browser()
    flooding.open()
    refused(flooding)
    flooding.origin = "https://evil.example"
    answer = flooding.call("GET", "/messages")
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
