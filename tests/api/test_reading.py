"""Reading through the API: filters, cursors, times, and how few statements it takes."""

from typing import Any

import marshmallow as ma
import pytest

from gateway.api.schemas.deliveries import DeliverySchema
from gateway.api.schemas.messages import MessageSchema
from gateway.api.schemas.sessions import SessionSchema
from gateway.events import Actor, ContactSeen, Fact
from gateway.reading.avatars import colour
from tests.api.house import BOT, CHANNEL, House
from tests.services.statements import counted


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json["items"]]


def test_answers_are_what_the_document_says(house: House) -> None:
    session = house.session()
    house.post(f"/sessions/{session}/messages", {"text": "Hi"})
    found = house.get("/sessions").json["items"]
    lines = house.get(f"/sessions/{session}/messages").json["items"]
    assert SessionSchema(unknown=ma.RAISE).validate(found, many=True) == {}
    assert MessageSchema(unknown=ma.RAISE).validate(lines, many=True) == {}
    assert set(found[0]) == set(SessionSchema().fields)
    assert all(set(line) == set(MessageSchema().fields) for line in lines)


def test_a_session_as_it_is_told(house: House) -> None:
    session = house.session()
    assert house.get(f"/sessions/{session}").json == {
        "id": session,
        "status": "active",
        "mode": "ai",
        "channel": CHANNEL,
        "conversation": "1001",
        "contact": house.get("/sessions").json["items"][0]["contact"],
        "agent": "support",
        "responsible": {
            "kind": "ai", "id": None, "name": "AI", "team": None, "team_name": None,
            "avatar": {"url": None, "initials": "AI", "colour": colour("ai")},
        },
        "parameters": {},
        "results": {},
        "epoch": 0,
        "waiting_since": None,
        "wait": None,
        "offer": None,
        "started_at": "2026-11-22T16:00:02Z",
        "finished_at": None,
        "last_message_at": "2026-11-22T16:00:02Z",
        "message_count": 1,
        "customer_read": None,
        "rating": None,
        "last_handover": None,
        "handover": {"allowed": True, "reason": None},
    }  # fmt: skip
    contact = house.get(f"/sessions/{session}").json["contact"]
    assert contact["id"].startswith("con_")
    assert {**contact, "id": "x"} == {
        "id": "x", "name": "Carol", "email": "carol@example.test", "verified": False,
    }  # fmt: skip


def test_filters_find_what_they_name(house: House) -> None:
    house.staff("operator", "500", "Bob Builder")
    one = house.session("1001", "where is my order")
    two = house.session("1002", "100% off_now?")
    three = house.session("1003", "Hello")
    house.happen("1002", house.assigned("1002", "operator", "500"))
    house.happen("1003", house.closed("1003"))
    everything = [three, two, one]
    expected = {
        "": everything,
        "status=active": [two, one],
        "status=finished": [three],
        "mode=human": [two],
        "mode=ai": [three, one],
        "mode=copilot": [],
        f"channel={CHANNEL}": everything,
        "channel=another": [],
        "conversation=1002": [two],
        "conversation=100": [],
        "responsible=ai": [three, one],
        "responsible=operator": [two],
        "responsible=unassigned": [],
        "responsible=bot": [],
        "responsible=500": [two],
        "responsible=builder": [two],
        "responsible=nobody-of-that-name": [],
        "since=2026-11-22T16:00:00Z": everything,
        "until=2026-11-22T16:00:00Z": [],
        "since=2026-11-22T16:00:03Z&until=2026-11-22T16:00:06Z": [two],
        "agent=support&status=active": [two, one],
        "agent=late": [],
        "q=ORDER": [one],
        "q=carol@example": everything,
        "q=CAROL": everything,
        "q=ord%20WHERE": [one],  # words that begin so, in any order
        "q=der": [],
        "q=%25": [],  # signs are not searched for
        "q=100%25%20now": [two],
        "q=off%5Cno": [two],
        "q=i": [],
        "q=where%20hello": [],
        "q=": everything,
        "q=hello&status=finished": [three],
        "mode=human&status=finished": [],
    }
    assert {query: ids(house.get(f"/sessions?{query}")) for query in expected} == expected


def test_our_own_operators_are_found_by_name(house: House) -> None:
    session = house.session()
    house.session("1002")
    house.post(f"/sessions/{session}/copilot", {"on": True})
    assert ids(house.get("/sessions?responsible=operator%20ann")) == [session]
    assert ids(house.get(f"/sessions?responsible={house.ids['operator']}")) == [session]


def test_pages_of_sessions_stay_put_while_others_open(house: House) -> None:
    made = [house.session(str(1000 + number)) for number in range(7)]
    first = house.get("/sessions?limit=3").json
    assert [item["id"] for item in first["items"]] == made[:3:-1]
    house.session("2000")
    second = house.get(f"/sessions?limit=3&cursor={first['next_cursor']}").json
    assert [item["id"] for item in second["items"]] == made[3:0:-1]
    last = house.get(f"/sessions?limit=3&cursor={second['next_cursor']}").json
    assert [item["id"] for item in last["items"]] == made[:1]
    assert last["next_cursor"] is None


def test_sessions_opened_in_the_same_moment_are_all_listed(house: House) -> None:
    house.session("1000")
    for number in range(1, 6):
        fact = house.said(str(1000 + number), "Hello")
        house.clock.advance(-1)
        house.happen(str(1000 + number), fact)
    seen: list[str] = []
    cursor = ""
    while True:
        page = house.get(f"/sessions?limit=1{cursor}").json
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 6


def test_history_is_told_from_the_beginning_in_pages(house: House) -> None:
    session = house.session("1001", "first")
    bob = Actor(kind="operator", id="500", name="Bob")
    house.happen("1001", house.assigned("1001", "operator", "500"))
    house.happen("1001", house.noted("1001", "a note", bob))
    house.happen("1001", house.said("1001", "second", bob))
    whole = house.get(f"/sessions/{session}/messages").json
    assert whole["next_cursor"] is None
    assert [(line["kind"], line["author"]["kind"]) for line in whole["items"]] == [
        ("message", "customer"), ("marker", "system"), ("marker", "system"),
        ("note", "operator"), ("message", "operator"),
    ]  # fmt: skip
    assert [line["external_id"] is None for line in whole["items"]] == [
        False, True, True, False, False,
    ]  # fmt: skip
    paged: list[Any] = []
    cursor = ""
    while True:
        page = house.get(f"/sessions/{session}/messages?limit=2{cursor}").json
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        house.happen("1001", house.said("1001", "meanwhile")) if len(paged) == 2 else None
    assert paged[:5] == whole["items"]
    assert [line["text"] for line in paged[5:]] == ["meanwhile"]


def test_a_longer_list_takes_no_more_statements(sqlite_house: House) -> None:
    house = sqlite_house

    def statements() -> int:
        with counted(house.database) as said:
            assert house.get("/sessions?limit=500").status_code == 200
        return len(said)

    numbers = []
    for few in (range(3), range(3, 40)):
        for number in few:
            conversation = f"c{number}"
            house.happen(
                conversation,
                house.assigned(conversation, "ai", BOT),
                house.said(conversation, "Hello"),
                house.assigned(conversation, "operator", str(number)),
                contact=ContactSeen(id=f"c{number}", name=f"Customer {number}"),
            )
        numbers.append(statements())
    assert len(house.get("/sessions?limit=500").json["items"]) == 40
    assert numbers[0] == numbers[1] <= 5  # with the token's and BEGIN


def test_a_longer_history_takes_no_more_statements(sqlite_house: House) -> None:
    house = sqlite_house
    session = house.session()
    numbers = []
    for few in (range(2), range(2, 40)):
        facts: list[Fact] = []
        for number in few:
            bob = Actor(kind="operator", id=str(500 + number), name=None)
            facts += [house.said("1001", "Hello"), house.said("1001", "Hi", bob)]
            facts.append(house.assigned("1001", "operator", str(700 + number), by=bob))
        house.happen("1001", *facts)
        with counted(house.database) as said:
            page = house.get(f"/sessions/{session}/messages?limit=500").json
        numbers.append(len(said))
    assert len(page["items"]) > 110
    assert numbers[0] == numbers[1] <= 7
    assert page["items"][2]["author"]["name"] == "Teammate 500"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("limit=9999999999999999999999", "limit"),
        ("status=open", "status"),
        ("mode=AI", "mode"),
        ("colour=red", "colour"),
        ("cursor=abc", "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor=" + "A" * 1001, "cursor"),
        ("q=%00", "q"),
        ("q=" + "x" * 201, "q"),
        ("conversation=%00", "conversation"),
    ],
)
def test_a_wrong_parameter_is_named(sqlite_house: House, query: str, field: str) -> None:
    answer = sqlite_house.get(f"/sessions?{query}")
    assert answer.status_code in (400, 422)
    assert field in answer.json["error"]["message"]
    assert list(answer.json["error"]["details"]["fields"]) == [field]


def test_a_cursor_of_another_list_is_refused(house: House) -> None:
    session = house.session()
    house.session("1002")
    cursor = house.get("/sessions?limit=1").json["next_cursor"]
    answer = house.get(f"/sessions/{session}/messages?cursor={cursor}")
    assert answer.status_code == 400


def test_unknown_sessions_are_not_found(house: House) -> None:
    for id in ("ses_1", "x", "ses_" + "0" * 26, "%00", "ses_%F0%9F%A6%8A", "dlv_1"):
        for path in (f"/sessions/{id}", f"/sessions/{id}/messages"):
            answer = house.get(path)
            assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


def test_deliveries_schema_matches(house: House) -> None:
    assert house.get("/deliveries").json == {"items": [], "next_cursor": None}
    assert set(DeliverySchema().fields) >= {"id", "state", "error"}
