"""Errors: one shape at every door, nothing of what is inside, never a 500 for callers' input."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.errors import Again, Ours
from gateway.store.models import Operator
from gateway.store.sql import insert_into
from tests.api.house import CHANNEL, House


def shape(answer: Any) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert isinstance(body["error"]["details"], dict)
    assert body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("DELETE", "/api/v1/sessions", 405, "method_not_allowed"),
        ("GET", f"/webhooks/{CHANNEL}", 405, "method_not_allowed"),
        ("POST", "/webhooks/unknown", 404, "not_found"),
        ("POST", f"/webhooks/{CHANNEL}", 401, "not_authentic"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/api/v1/sessions", 401, "not_authentic"),
    ],
)
def test_every_door_refuses_in_one_shape(
    sqlite_house: House, method: str, path: str, status: int, code: str
) -> None:
    answer = sqlite_house.client().open(path, method=method)
    assert answer.status_code == status
    assert shape(answer)["code"] == code
    if status == 405:
        assert answer.headers["Allow"]


BODIES_NOT_USABLE = (
    b"{", b"[1]", b'"text"', b"1", b"null", b"\xff\xfe", b"[" * 200_000, b'{"text": NaN}',
    b'{"text": "\\ud800"}', b'{"text": "\\u0000"}', b'{"text": 5}', b'{"text": null}',
    b'{"text": ""}', b'{"text": "  "}', b"{}", b'{"text": "a", "more": 1}',
    b'{"text": ["a"]}', b'{"text": {"a": 1}}', b'{"text": true}', b"text=hello",
)  # fmt: skip


def test_unusable_bodies_are_refused(house: House) -> None:
    session = house.session()
    for body in BODIES_NOT_USABLE:
        for door in ("messages", "notes"):
            answer = house.call("POST", f"/sessions/{session}/{door}", "operator", data=body)
            assert answer.status_code in (400, 422), answer.text
            shape(answer)
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"
    assert len(house.get(f"/sessions/{session}/messages").json["items"]) == 1


def test_the_field_at_fault_is_named(sqlite_house: House) -> None:
    session = sqlite_house.session()
    answer = sqlite_house.post(f"/sessions/{session}/copilot", {"on": "yes", "off": 1})
    error = shape(answer)
    assert (answer.status_code, error["code"]) == (422, "invalid")
    assert set(error["details"]["fields"]) == {"on", "off"}
    assert "on: " in error["message"]


def test_a_large_body_is_refused_unread(house: House) -> None:
    session = house.session()
    answer = house.post(f"/sessions/{session}/messages", {"text": "x" * (1024 * 1024)})
    assert answer.status_code == 413
    shape(answer)
    answer = house.post(f"/sessions/{session}/messages", {"text": "x" * 20_001})
    assert answer.status_code == 422
    assert house.post(f"/sessions/{session}/messages", {"text": "x" * 20_000}).status_code == 201
    signed = {"X-Hub-Signature": "sha1=" + "0" * 40}  # unsigned ones are refused before that
    big = house.client().post(
        f"/webhooks/{CHANNEL}", data=b"x" * (10 * 1024 * 1024 + 1), headers=signed
    )
    assert big.status_code == 413
    shape(big)


def test_passing_trouble_says_when_to_come_back(house: House) -> None:
    def again() -> None:
        raise Again("busy", after_s=2.5)

    house.app.add_url_rule("/again", view_func=again)
    answer = house.client().get("/again")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert shape(answer)["code"] == "try_again"


def test_what_breaks_inside_stays_inside(house: House) -> None:
    def broken() -> None:
        role = {"email": "hush@acme.test", "name": "hush", "role": "hush", "created_at": 0}
        house.database.write(
            lambda db: db.execute(insert_into(db, Operator).values(id="opr_x", **role))
        )

    def ours() -> None:
        raise Ours("the secret is 42", details={"secret": 42})

    house.app.add_url_rule("/broken", view_func=broken)
    house.app.add_url_rule("/ours", view_func=ours)
    for path in ("/ours", "/broken"):
        with capture_logs() as logs:
            answer = house.client().get(path, query_string={"word": "hush"})
        assert answer.status_code == 500, answer.text
        assert shape(answer) == {
            "code": "internal",
            "message": "something went wrong here; it has been logged",
            "details": {},
        }
        assert [entry["event"] for entry in logs] in (["door_broke"], ["door_failed"])
        assert logs[0]["door"] == f"GET {path}"


def test_answers_are_not_for_browsers_to_play_with(sqlite_house: House) -> None:
    answer = sqlite_house.get("/sessions")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["reason", "text", "on", "limit", "cursor", "q"]) | st.text(max_size=5)
BODIES = st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()) | (
    st.dictionaries(FIELDS, JSON, max_size=3).map(lambda value: json.dumps(value).encode())
)  # fmt: skip
QUERY = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "cursor",
            "status",
            "mode",
            "channel",
            "conversation",
            "responsible",
            "q",
            "state",
        ]
    )
    | st.text(max_size=5),
    st.text(max_size=20) | st.sampled_from(["active", "human", "failed", "W10", "WzEsInNlcyJd"]),
    max_size=3,
)
DOORS = ("handover", "hand_back", "finish", "copilot", "messages", "notes")


@settings(max_examples=40)
@given(door=st.sampled_from(DOORS), body=BODIES, key=st.none() | st.text(max_size=10))
def test_no_body_breaks_a_door(migrated_url: str, door: str, body: bytes, key: str | None) -> None:
    house = _shared(migrated_url)
    session = house.session("1001")
    headers = {"Idempotency-Key": key.encode("utf-8").decode("latin-1")} if _sendable(key) else {}
    answer = house.call(
        "POST", f"/sessions/{session}/{door}", "operator", data=body, headers=headers
    )
    assert answer.status_code < 500, (door, body, answer.text)
    if answer.status_code >= 400:
        shape(answer)


@settings(max_examples=100)
@given(
    path=st.sampled_from(["/sessions", "/deliveries", "/sessions/{}", "/sessions/{}/messages"]),
    query=QUERY,
    id=st.text(min_size=1, max_size=30),
)
def test_no_query_breaks_a_door(
    migrated_url: str, path: str, query: dict[str, str], id: str
) -> None:
    house = _shared(migrated_url)
    from urllib.parse import quote

    answer = house.get(path.format(quote(id, safe="")), query_string=query)
    assert answer.status_code < 500, (path, query, answer.text)
    if answer.status_code >= 400:
        shape(answer)


_houses: dict[str, House] = {}


def _shared(url: str) -> House:
    """One house for all examples of a test: they share its database anyway."""
    if url not in _houses:
        for known in _houses.values():
            known.database.dispose()
        _houses.clear()
        _houses[url] = House(url)
    return _houses[url]


def _sendable(key: str | None) -> bool:
    return key is not None and all(" " <= letter != "\x7f" for letter in key)
