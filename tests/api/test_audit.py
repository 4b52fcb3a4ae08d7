"""The audit: every door that changes something leaves an entry, and administrators read it."""

import csv
import io
import json
import re
from typing import Any

import pytest
from flask import Flask, Response, g
from structlog.testing import capture_logs

from gateway import audit
from gateway.api.trail import Trail
from gateway.app.errors import add_error_answers
from gateway.audit import Thing, Who
from gateway.conversations.doors import HANDLED, NOT_PERMITTED
from gateway.errors import Conflict
from gateway.people.operators import Operator, authenticate
from gateway.rails.address import address_behind
from tests.api.house import CHANNEL, House
from tests.api.test_document import FLEETING, SECRET, operations, resolve
from tests.files.samples import CONTENT_TYPE, png
from tests.files.samples import body as upload_body


def entries(house: House, query: str = "") -> Any:
    answer = house.get(f"/audit?{query}", role="admin")
    assert answer.status_code == 200, answer.text
    return answer.json["items"]


def test_an_act_leaves_an_entry(house: House) -> None:
    session = house.session()
    answer = house.post(f"/sessions/{session}/handover", {"reason": "upset"})
    (entry,) = entries(house)
    with house.database.read() as db:
        token = authenticate(db, house.tokens["operator"]).token_id
    assert entry["id"].startswith("aud_")
    assert {**entry, "id": "x"} == {
        "id": "x",
        "at": "2026-11-22T16:00:02Z",
        "actor": {
            "kind": "operator", "id": house.ids["operator"], "name": "Operator Ann",
            "token_id": token, "address": "127.0.0.1",
        },
        "action": "hand_over",
        "object": {"kind": "session", "id": session},
        "before": {"mode": "ai", "responsible_kind": "ai"},
        "after": {"mode": "human", "responsible_kind": "unassigned"},
        "outcome": "done",
        "reason": None,
        "request_id": answer.headers["X-Request-Id"],
    }  # fmt: skip


def test_words_are_told_by_their_id_alone(house: House) -> None:
    session = house.session()
    message = house.post(f"/sessions/{session}/messages", {"text": "a private matter"}).json["id"]
    (entry,) = entries(house, "action=write_message")
    assert entry["after"]["message_id"] == message
    assert "private" not in json.dumps(entry)


def test_a_refusal_leaves_an_entry(house: House) -> None:
    session = house.session()
    house.post(f"/sessions/{session}/handover", role="viewer")
    house.post(f"/sessions/{session}/handover")
    house.post(f"/sessions/{session}/handover")
    house.post(f"/sessions/{session}/handover", key="k1")
    house.post(f"/sessions/ses_{'0' * 26}/handover")
    house.post(f"/deliveries/dlv_{'0' * 26}/replay")
    told = [(entry["outcome"], entry["action"], entry["reason"]) for entry in entries(house)]
    assert told == [
        ("refused", "replay", "your role (operator) may not do this; it takes admin"),
        ("refused", "hand_over", "there is no such session"),
        ("refused", "hand_over", HANDLED),
        ("refused", "hand_over", HANDLED),
        ("done", "hand_over", None),
        ("refused", "hand_over", NOT_PERMITTED),
    ]
    assert all(entry["before"] is entry["after"] is None for entry in entries(house)[:4])


def test_what_is_no_act_leaves_none(house: House) -> None:
    session = house.session()
    house.get("/sessions")
    house.post(f"/sessions/{session}/handover", role=None)
    house.post(f"/sessions/{session}/copilot", {"on": "yes"})
    house.call("POST", f"/sessions/{session}/notes", "operator", data=b"{")
    assert entries(house) == []


def test_a_repeated_call_leaves_no_second_entry(house: House) -> None:
    session = house.session()
    for _ in range(3):
        house.post(f"/sessions/{session}/notes", {"text": "Hi"}, key="k1")
        house.post(f"/sessions/{session}/hand_back", key="k2")
    assert [entry["outcome"] for entry in entries(house)] == ["refused", "done"]


def test_what_needs_several_transactions_is_told_before_and_after(house: House) -> None:
    missing = f"dlv_{'0' * 26}"
    for key in (None, "k1", "k1"):
        assert house.post(f"/deliveries/{missing}/replay", role="admin", key=key).status_code == 404
    told = [(entry["outcome"], entry["object"]["id"]) for entry in entries(house)]
    assert told == [("refused", missing), ("begun", missing)] * 2


def test_every_door_that_changes_something_leaves_an_entry(sqlite_house: House) -> None:
    """Each is called as its own description has it, by somebody who may do everything."""
    house = sqlite_house
    session = house.session()
    known = {"session_id": session, "name": CHANNEL}
    document = house.get("/openapi.json", role=None).json
    walked = 0
    for path, method, operation in operations(document):
        keyed = any(each["name"] == "Idempotency-Key" for each in operation["parameters"])
        if not keyed:  # it reads, or what it changes runs out by itself
            assert method == "get" or not operation["security"] or path in FLEETING + SECRET, path
            continue
        action = operation["operationId"]
        before = len(entries(house, f"action={action}&limit=500"))
        body = example_of(document, operation.get("requestBody"))
        data = body if isinstance(body, bytes) else None
        headers = {"If-Match": "*"}
        if data is not None and "multipart/form-data" in operation["requestBody"]["content"]:
            headers["Content-Type"] = CONTENT_TYPE
        address = re.sub(
            r"{(\w+)}",
            lambda found, shown=operation: known.get(found[1]) or shown_id(shown, found[1]),
            path.removeprefix("/api/v1"),
        )
        with capture_logs() as logs:
            answer = house.call(
                method.upper(), address, "admin",
                json=body if data is None else None, data=data, headers=headers,
            )  # fmt: skip
        where = f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.status_code not in (400, 422, 500), where
        assert "act_unrecorded" not in [line["event"] for line in logs], where
        assert len(entries(house, f"action={action}&limit=500")) > before, where
        walked += 1
    assert walked >= 8


def shown_id(operation: Any, name: str) -> str:
    (parameter,) = [one for one in operation["parameters"] if one["name"] == name]
    return str(parameter["schema"].get("examples", ["acme"])[0])


def example_of(document: Any, body: Any) -> Any:
    """What the document shows a caller to send."""
    if body is None:
        return None
    if "multipart/form-data" in body["content"]:
        return upload_body(png())
    if "image/png" in body["content"]:
        return b"\x89PNG\r\n\x1a\n"
    schema = resolve(document, body["content"]["application/json"]["schema"])
    return example_of_schema(document, schema)


def example_of_schema(document: Any, schema: Any) -> Any:
    schema = resolve(document, schema)
    if "examples" in schema:
        return schema["examples"][0]
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        shown = {name: example_of_schema(document, one) for name, one in properties.items()}
        # Of these one is said, or another.
        for other in schema.get("oneOf", [])[1:]:
            del shown[other["required"][0]]
        return shown
    if schema.get("type") == "array":
        return [example_of_schema(document, schema["items"])]
    return schema.get("default", schema.get("enum", [None])[0])


def test_a_door_that_forgets_is_recorded_and_reported(sqlite_house: House) -> None:
    """What `Room.door` does for a door that does not go through `act_once`."""
    house = sqlite_house
    trail = Trail(house.database, house.clock)
    app = Flask(__name__)
    add_error_answers(app)

    def enter() -> None:
        trail.begin()
        g.operator = Operator(id="opr_1", email="a@b", name="Ann", role="admin")

    def forgetful(session_id: str) -> Response:
        if session_id == "no":
            raise Conflict("no")
        return Response("done")

    app.before_request(enter)
    app.add_url_rule("/<session_id>", view_func=trail.followed(forgetful), methods=["POST"])
    with capture_logs() as logs:
        app.test_client().post("/yes")
        app.test_client().post("/no")
    assert [line["event"] for line in logs] == ["act_unrecorded"]
    told = [(one["action"], one["object"]["id"], one["outcome"]) for one in entries(house)]
    assert told == [("forgetful", "no", "refused"), ("forgetful", "yes", "done")]


# -- reading it ------------------------------------------------------------------------------------

MARY = Who(kind="cli", name="=mary@host")


def some(house: House) -> list[str]:
    """A few entries, an hour apart; their ids."""
    made = []
    for number in range(5):
        moment = house.now + number * 3_600_000_000
        thing = Thing("token" if number % 2 else "operator", f"+{number}")
        made.append(
            house.database.write(
                lambda db, moment=moment, thing=thing: audit.write(  # type: ignore[misc]
                    db, MARY, "@act", thing, {"name": "a,b"}, {"name": '"c"'}, now=moment
                )
            )
        )
    return made


def test_only_administrators_read_it(house: House) -> None:
    for path in ("/audit", "/audit/export"):
        assert house.get(path, role=None).status_code == 401
        for role in ("viewer", "operator"):
            assert house.get(path, role=role).status_code == 403
        assert house.get(path, role="admin").status_code == 200


def test_it_is_filtered_and_paged(house: House) -> None:
    made = some(house)
    house.post(f"/sessions/{house.session()}/handover")
    every = [entry["id"] for entry in entries(house)]
    assert every[1:] == made[::-1]
    expected = {
        "actor=cli": made[::-1],
        f"actor={house.ids['operator']}": every[:1],
        "actor=operator": every[:1],
        "actor=system": [],
        "action=%40act": made[::-1],
        "object=token": [made[3], made[1]],
        "object=%2B2": [made[2]],
        "object=session": every[:1],
        "outcome=refused": [],
        "since=2026-11-22T17:00:00Z&actor=cli": made[:0:-1],
        "since=2026-11-22T18:00:00%2B01:00&until=2026-11-22T19:00:00Z": [made[2], made[1]],
    }
    found = {query: [one["id"] for one in entries(house, query)] for query in expected}
    assert found == expected
    seen: list[str] = []
    cursor = ""
    while True:
        page = house.get(f"/audit?limit=4{cursor}", role="admin").json
        seen += [entry["id"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == every


@pytest.mark.parametrize(
    "query", ["since=today", "since=2026-11-22", "until=2026-11-22T16:00:00", "outcome=odd",
              "actor=", "cursor=x", "format=csv"],
)  # fmt: skip
def test_a_wrong_filter_is_named(sqlite_house: House, query: str) -> None:
    answer = sqlite_house.get(f"/audit?{query}", role="admin")
    assert answer.status_code in (400, 422)
    assert list(answer.json["error"]["details"]["fields"]) == [query.partition("=")[0]]


def test_it_is_exported_as_lines(house: House) -> None:
    made = some(house)
    answer = house.get("/audit/export?actor=cli", role="admin")
    assert answer.content_type == "application/jsonl"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert [line["id"] for line in lines] == made
    assert lines == entries(house)[::-1]


def test_it_is_exported_as_a_table_that_calculates_nothing(house: House) -> None:
    made = some(house)
    answer = house.get("/audit/export?format=csv&object=operator", role="admin")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == made[::2]
    assert rows[0]["actor_name"] == "'=mary@host"
    assert rows[0]["action"] == "'@act"
    assert rows[0]["object_id"] == "'+0"
    assert rows[0]["token_id"] == ""
    assert json.loads(rows[0]["after"]) == {"name": '"c"'}


def test_an_export_of_many_is_written_as_it_is_read(house: House) -> None:
    def many(db: Any) -> None:
        for _ in range(1_203):
            audit.write(db, MARY, "act", None, now=house.now)

    house.database.write(many)
    headers = {"Authorization": f"Bearer {house.tokens['admin']}"}
    answer = house.client().get("/api/v1/audit/export", headers=headers, buffered=False)
    parts = iter(answer.response)
    first = next(parts)
    # What is written meanwhile comes in the next export.
    house.database.write(many)
    lines = [first, *parts]
    assert len(lines) == 1_203
    assert len({json.loads(line)["id"] for line in lines}) == 1_203
    answer.close()


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "address"),
    [
        ("192.0.2.1", [], 0, "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.5"], 0, "192.0.2.1"),
        ("10.0.0.1", ["203.0.113.5"], 1, "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.5"], 1, "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.5, 10.0.0.2"], 2, "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.5 , 10.0.0.2"], 2, "203.0.113.5"),
        ("10.0.0.1", [], 1, "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], 1, None),
        ("::1", ["2001:db8::1"], 1, "2001:db8::1"),
        ("", [], 0, None),
        (None, [], 0, None),
    ],
)
def test_the_address_is_the_last_one_that_is_not_ours(
    peer: str | None, forwarded: list[str], proxies: int, address: str | None
) -> None:
    assert address_behind(peer, forwarded, proxies) == address
