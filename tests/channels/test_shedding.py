"""What a flood costs: who does not sign is not read, and has nothing done for them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from gateway.channels.webhook import receiving
from gateway.errors import NotAuthentic
from gateway.quota.fairness import Fairness
from tests.api.house import CHANNEL, SECRET, House
from tests.hostile.door import notification, signature


@pytest.fixture
def house(migrated_sqlite_url: str) -> Iterator[House]:
    house = House(migrated_sqlite_url)
    yield house
    house.parts.database.dispose()


class Unread(io.BytesIO):
    """A body of which nobody may read a byte."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("it was read")

    readline = readinto = read  # type: ignore[assignment]


def knocked(house: House, **more: Any) -> tuple[str, dict[str, str], bytes]:
    """Call the application as a server does."""
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": f"/webhooks/{CHANNEL}", "SERVER_NAME": "x",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
        "CONTENT_LENGTH": "5000", **more,
    }  # fmt: skip
    body: Iterable[bytes] = house.app.wsgi_app(environ, lambda *said, **_: told.append(said))
    status, headers = told[0][:2]
    return status, dict(headers), b"".join(body)


def test_nothing_is_read_of_what_nobody_signed(house: House) -> None:
    status, headers, body = knocked(house, **{"wsgi.input": Unread()})
    assert status == "401 UNAUTHORIZED"
    assert b'"code":"not_authentic"' in body
    assert int(headers["Content-Length"]) == len(body)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_flask_has_nothing_to_do_for_it(house: House) -> None:
    def flask(*_: Any) -> Iterable[bytes]:
        raise AssertionError("a stranger got as far as Flask")

    house.app.wsgi_app = receiving(  # type: ignore[method-assign]
        flask, house.parts.doors, house.parts.installing.home, lambda *_: None, (), lambda *_: None,
        Fairness(),
    )  # fmt: skip
    assert knocked(house, **{"wsgi.input": Unread()})[0].startswith("401")
    forged = {"wsgi.input": io.BytesIO(b"{}" * 2500), "HTTP_X_HUB_SIGNATURE": "sha1=" + "0" * 40}
    assert knocked(house, **forged)[0].startswith("401")


def test_the_words_are_those_of_every_door(house: House) -> None:
    answer = house.client().post(f"/webhooks/{CHANNEL}", data=b"{}")
    assert answer.status_code == 401
    assert set(answer.json["error"]) == {"code", "message", "details"}
    with pytest.raises(NotAuthentic) as refused:
        house.parts.channels[CHANNEL].receiver.verify({}, b"{}")
    assert answer.json["error"]["message"] == refused.value.message


def test_whoever_signs_is_read(house: House) -> None:
    body = json.dumps(notification("ping", None, id="x")).encode()
    headers = {"X-Hub-Signature": signature(body, SECRET)}
    answer = house.client().post(f"/webhooks/{CHANNEL}", data=body, headers=headers)
    assert answer.json == {"status": "kept"}
