"""The stream's door in front of Flask: who is let in there, and who goes on to Flask's."""

from typing import Any

import pytest

from gateway.api.opening import Openings, opening
from tests.api.house import House
from tests.services.processes import wait_until

PATH = "/api/v1/events"


class Flask:
    """What stands behind the door; counts who comes."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.asked += 1
        return [b"flask"]


@pytest.fixture
def flask() -> Flask:
    return Flask()


@pytest.fixture
def ask(sqlite_house: House, flask: Flask) -> Any:
    parts = sqlite_house.parts
    door = opening(flask, PATH, parts.database, parts.streams, [("X-Of-All", "yes")])
    told: dict[str, Any] = {}

    def ask(authorization: str, query: str = "", **more: str) -> Any:
        environ = {
            "PATH_INFO": PATH, "REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": authorization,
            "QUERY_STRING": query, **more,
        }  # fmt: skip
        told.clear()
        body = door(environ, lambda status, headers: told.update(status=status, headers=headers))
        return body, told

    return ask


def test_whoever_may_come_in_does(sqlite_house: House, flask: Flask, ask: Any) -> None:
    body, told = ask(f"Bearer {sqlite_house.tokens['viewer']}", "types=session.started")
    assert told["status"] == "200 OK"
    headers = dict(told["headers"])
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["X-Of-All"] == "yes"
    assert headers["X-Request-Id"].startswith("req_")
    assert len(sqlite_house.parts.streams) == 1
    assert b"retry:" in next(iter(body))
    body.close()
    assert len(sqlite_house.parts.streams) == 0
    wait_until(lambda: not sqlite_house.parts.streams._running, "the reader's end", within_s=20)
    assert flask.asked == 0


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ("session=1001", {}),
        ("session=", {}),
        ("since=1", {}),
        ("types=session.sang", {}),
        ("types=session.started&types=session.finished", {}),
        ("", {"REQUEST_METHOD": "POST"}),
        ("", {"PATH_INFO": "/api/v1/sessions"}),
        ("", {"HTTP_AUTHORIZATION": "Basic eDp5"}),
        ("", {"HTTP_AUTHORIZATION": "Bearer "}),
        ("", {"HTTP_AUTHORIZATION": "Bearer gwt_" + 43 * "x"}),
    ],
)
def test_anybody_else_goes_on(
    sqlite_house: House, flask: Flask, ask: Any, query: str, more: dict[str, str]
) -> None:
    body, _ = ask(f"Bearer {sqlite_house.tokens['viewer']}", query, **more)
    assert list(body) == [b"flask"]
    assert flask.asked == 1
    assert len(sqlite_house.parts.streams) == 0


def test_who_comes_too_often_is_counted_by_flask() -> None:
    now = 0.0
    openings = Openings(lambda: now)
    assert [openings.count("tok_1") for _ in range(22)] == [True] * 20 + [False] * 2
    assert openings.count("tok_2")
    now = 10.0
    assert openings.count("tok_1")
