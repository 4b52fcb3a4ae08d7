"""Deliveries: what failed, what it held (without secrets), and doing it again; for admins alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from gateway.config import SubscriberSettings
from gateway.console.payloads import MOST, masked, pretty
from gateway.store import new_id
from gateway.store.models import (
    ChatSession,
    Conversation,
    EventDelivery,
    InboxDelivery,
    Push,
    Subscriber,
)
from gateway.store.sql import insert_into
from tests.api.house import CHANNEL
from tests.api.test_deliveries import payload, post, unreadable
from tests.console.house import ConsoleHouse, words
from tests.services.statements import counted

SCRIPT = "'\"><img src=x onerror=alert(1)><script>alert(2)</script>"
LISTS = ("inbox", "pushes", "events")


@pytest.fixture
def on_both(migrated_url: str) -> Iterator[ConsoleHouse]:
    shop = SubscriberSettings(
        name="shop", url="https://shop.test/hook", secret="whsec_" + "c2VjcmV0IG9mIHRoZSBzaG9w" * 2,
    )  # fmt: skip
    house = ConsoleHouse(migrated_url, subscribers=(shop,))
    yield house
    house.parts.database.dispose()


def push(house: ConsoleHouse, state: str, *, cause: str, tries: int = 1, **more: Any) -> int:
    """Something owed to the channel, of the only session."""

    def add(db: Any) -> int:
        row = {
            "conversation_id": db.session.query(Conversation.id).first()[0],
            "session_id": db.session.query(ChatSession.id).first()[0],
            "cause": cause, "kind": "send_message", "role": "operator", "epoch": 1,
            "command": json.dumps({"text": "Hello", "api_key": "1234"}), "state": state,
            "due_at": house.now, "owed_at": house.now, "begun_at": house.now, "tries": tries,
            "ended_at": None if state in ("owed", "unknown") else house.now, **more,
        }  # fmt: skip
        db.execute(insert_into(db, Push).values(**row))
        return int(db.session.query(Push.id).filter(Push.cause == cause).scalar())

    return house.database.write(add)


def event(house: ConsoleHouse, place: int, state: str = "dead", **more: Any) -> str:
    """An event owed to the subscriber `shop`."""
    id = new_id("evd")

    def add(db: Any) -> None:
        db.execute(
            insert_into(db, Subscriber)
            .values(name="shop", cursor=0, joined_at=house.now)
            .on_conflict_do_nothing()
        )
        row = {
            "id": id, "subscriber": "shop", "place": place, "event_id": new_id("evt"),
            "kind": "contact.updated", "at": house.now, "subject": "x", "lane": 0, "state": state,
            "owed_at": house.now, "due_at": house.now, "tries": 10, "status": 500,
            "ended_at": None if state == "owed" else house.now, "error": "it answered 500", **more,
        }  # fmt: skip
        db.execute(insert_into(db, EventDelivery).values(**row))

    house.database.write(add)
    return id


def test_what_failed_is_shown_and_replayed(house: ConsoleHouse) -> None:
    post(house, json.dumps(payload("conversation.user.created")).encode())
    post(house, unreadable("n1"))
    admin = house.browser("admin")
    html = admin.html("/deliveries")
    said = words(html)
    assert "conversation.user.replied" in said
    assert "conversation.user.created" not in said
    assert "Expected `object | null`, got `str`" in said
    assert "Replay all that failed" in said
    assert re.search(r'title="failed">1</span>', html)
    assert 'data-replay="/deliveries/ID/replay"' in html
    (id,) = re.findall(r'name="id" value="(dlv_\w+)"', html)
    answer = admin.api("POST", f"/deliveries/{id}/replay")
    assert answer.json["state"] == "failed"
    page = words(admin.html(f"/deliveries/{id}"))
    assert "Attempts 2" in page
    assert '"conversation_parts": "nonsense"' in page
    applied = admin.html("/deliveries?state=applied")
    assert "conversation.user.created" in applied
    assert "data-replay-start" in applied
    assert not re.findall(r'name="id"', applied)
    assert "conversation.user.created" in admin.html("/deliveries?state=")


def test_nothing_failed(house: ConsoleHouse) -> None:
    admin = house.browser("admin")
    for show, said in (
        ("inbox", "Nothing failed"), ("pushes", "Nothing failed"), ("events", "No subscribers"),
    ):  # fmt: skip
        html = admin.html(f"/deliveries?show={show}")
        assert said in html
        assert "badge-bad" not in html


def test_pages_of_a_list_keep_their_filter(house: ConsoleHouse) -> None:
    for number in range(52):
        post(house, unreadable(f"n{number}"))
    admin = house.browser("admin")
    first = admin.html(f"/deliveries?channel={CHANNEL}")
    found = re.search(r'href="([^"]+)" rel="next"', first)
    assert found
    second = admin.html(unescape(found[1]).removeprefix("/console"))
    assert len(re.findall(r'name="id"', first)) == 50
    assert len(re.findall(r'name="id"', second)) == 2
    assert f"channel={CHANNEL}" in found[1]
    assert admin.get("/deliveries?cursor=x").status_code == 400


def test_what_is_owed_to_channels(house: ConsoleHouse) -> None:
    session = house.session()
    failed = push(house, "failed", cause="1", error="the conversation is closed")
    push(house, "unknown", cause="2", tries=3, error="it timed out")
    push(house, "sent", cause="3")
    admin = house.browser("admin")
    said = words(admin.html("/deliveries?show=pushes"))
    assert "the conversation is closed" in said
    assert "it timed out" not in said
    assert "it timed out" in words(admin.html("/deliveries?show=pushes&state=retried"))
    for state in ("waiting", "sent", "cancelled", ""):
        assert admin.get(f"/deliveries?show=pushes&state={state}").status_code == 200
    page = admin.html(f"/deliveries/pushes/{failed}")
    assert f"/console/sessions/{session}" in page
    assert '"text": "Hello"' in words(page)
    assert "1234" not in page


def test_what_is_owed_to_subscribers(on_both: ConsoleHouse) -> None:
    house = on_both
    dead = event(house, 1)
    event(house, 2, "sent", status=200, error=None)
    admin = house.browser("admin")
    html = admin.html("/deliveries?show=events")
    assert "it answered 500" in html
    assert re.findall(r'name="id" value="(evd_\w+)"', html) == [dead]
    found = re.search(r'data-replay="([^"]+)"', html)
    assert found
    again = found[1].replace("ID", dead)
    assert admin.api("POST", again).json["state"] == "owed"
    assert "Nothing is dead" in admin.html("/deliveries?show=events")
    assert "Sent" in words(admin.html("/deliveries?show=events&state=sent&subscriber=shop"))
    event(house, 3)
    (all_,) = re.findall(r'data-act="POST ([^"]+)"', admin.html("/deliveries?show=events"))
    assert admin.api("POST", all_, {"state": "dead"}).json == {"replayed": 1}


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_deliveries_are_for_admins(house: ConsoleHouse, role: str) -> None:
    post(house, unreadable("n1"))
    (delivery,) = house.get("/deliveries").json["items"]
    house.session()
    number = push(house, "failed", cause="1")
    browser = house.browser(role)
    for path in (*(f"?show={show}" for show in LISTS), f"/{delivery['id']}", f"/pushes/{number}"):
        answer = browser.get(f"/deliveries{path}")
        assert answer.status_code == 403
        assert "nonsense" not in answer.text
    assert browser.api("POST", f"/deliveries/{delivery['id']}/replay").status_code == 403


def test_ids_that_are_nobodys_open_nothing(house: ConsoleHouse) -> None:
    admin = house.browser("admin")
    for path in (
        "/dlv_" + "0" * 26, "/ses_" + "0" * 26, "/x", "/%00", "/pushes/1", "/pushes/-1",
        "/pushes/x", "/pushes/" + "9" * 30, "/pushes/%D9%A1", "/pushes/" + "9" * 5_000,
    ):  # fmt: skip
        assert admin.get(f"/deliveries{path}").status_code == 404, path
    for query in ("show=x&state=y&channel=z", "subscriber=%3Cscript%3E", "show=events&state=%00"):
        assert admin.get(f"/deliveries?{query}").status_code == 200


def test_nothing_that_came_can_be_run(on_both: ConsoleHouse) -> None:
    house = on_both
    content = payload("conversation.user.replied")
    content["id"] = SCRIPT
    content["topic"] = f"conversation.{SCRIPT}"
    post(house, json.dumps(content).encode())
    house.session("1001'\"><script>", SCRIPT)

    def fail(db: Any) -> None:
        db.session.query(InboxDelivery).update(
            {"state": "failed", "error": SCRIPT, "topic": SCRIPT, "conversation": SCRIPT}
        )

    house.database.write(fail)
    number = push(house, "failed", cause="1", error=SCRIPT, command=json.dumps({SCRIPT: SCRIPT}))
    event(house, 1, error=SCRIPT, kind=SCRIPT)
    admin = house.browser("admin")
    (delivery,) = house.get("/deliveries?state=failed").json["items"]
    for path in (*(f"?show={show}" for show in LISTS), f"/{delivery['id']}", f"/pushes/{number}"):
        html = admin.html(f"/deliveries{path}")
        assert "alert(2)" in html, path
        assert "<img src=x" not in html
        assert "<script>" not in html
        assert " onerror=alert(1)>" not in html


def test_a_fixed_number_of_statements(on_both: ConsoleHouse) -> None:
    house = on_both
    admin = house.browser("admin")
    house.session()

    def costs() -> list[int]:
        numbers = []
        for show in LISTS:
            with counted(house.database) as said:
                admin.html(f"/deliveries?show={show}")
            numbers.append(len(said))
        return numbers

    post(house, unreadable("n"))
    push(house, "failed", cause="x")
    event(house, 100)
    few = costs()
    for number in range(12):
        post(house, unreadable(f"n{number}"))
        push(house, "failed", cause=str(number))
        event(house, number)
    assert costs() == few
    assert max(few) <= 8


# -- secrets ---------------------------------------------------------------------------------------


def test_secrets_are_masked_by_name_and_by_their_looks() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    told = masked(
        {
            "access_token": "dG9r", "nested": [{"Password": "x", "user_hash": "abc"}],
            "url": f"https://files.test/a.png?expires=1&signature=abcdef&Token={jwt}#x",
            "text": f"my key is Bearer abcdefghijkl and {jwt}", "token_id": "tok_1",
            "count": 3, "has_password": True, "secret": None,
        }
    )  # fmt: skip
    assert told["access_token"] == told["nested"][0]["Password"] == "•••"
    assert told["nested"][0]["user_hash"] == "•••"
    assert told["url"] == "https://files.test/a.png?expires=1&signature=•••&Token=•••#x"
    assert told["text"] == "my key is ••• and •••"
    assert (told["token_id"], told["count"], told["has_password"], told["secret"]) == (
        "tok_1", 3, True, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a":1}', '{\n  "a": 1\n}'),
        (b"not json ?token=abc", "not json ?token=•••"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
        (b"[" * 5_000, "[" * 5_000),
    ],
)
def test_any_body_can_be_shown(body: bytes, shown: str) -> None:
    assert pretty(body).text == shown


def test_of_a_long_body_only_the_beginning_is_shown() -> None:
    told = pretty(json.dumps(["x" * 1_000] * 500).encode())
    assert (len(told.text), told.cut, told.bytes) == (MOST, True, 502_000)
