"""Customers at the API: what is told, who may change what, and that nobody overwrites unread."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.events import ContactSeen
from tests.api.house import House


def customer(house: House, number: int = 1, **said: Any) -> str:
    """A customer with a session; the contact's id."""
    conversation = f"20{number:02}"
    given = {"name": f"Carol {number}", "email": f"carol{number}@example.test", **said}
    house.happen(
        conversation,
        house.said(conversation, "Hello?"),
        contact=ContactSeen(id=f"c{number}", as_of=house.now, **given),
    )
    session = house.get(f"/sessions?conversation={conversation}").json["items"][0]
    return str(session["contact"]["id"]) if session["contact"] else ""


def patch(house: House, contact: str, body: Any, tag: str | None = None, **more: Any) -> Any:
    seen = house.get(f"/contacts/{contact}").headers["ETag"] if tag is None else tag
    headers = {"If-Match": seen} if seen else {}
    role = more.pop("role", "operator")
    return house.call("PATCH", f"/contacts/{contact}", role, json=body, headers=headers, **more)


def test_a_customer_is_listed_searched_and_told(house: House) -> None:
    first, second = customer(house, 1), customer(house, 2, phone="+353 1 555 0147")
    assert customer(house, 3, name=None, email=None) == ""  # an anonymous one
    page = house.get("/contacts", role="viewer").json
    assert [item["id"] for item in page["items"]] == [second, first]
    one = house.get("/contacts?limit=1").json
    rest = house.get(f"/contacts?limit=1&cursor={one['next_cursor']}").json
    assert (one["items"][0]["id"], rest["items"][0]["id"], rest["next_cursor"]) == (
        second, first, None,
    )  # fmt: skip
    for words in ("CAROL2@", "555 0147", second):
        assert [item["id"] for item in house.get(f"/contacts?q={words}").json["items"]] == [second]
    assert house.get("/contacts?q=nobody").json["items"] == []
    card = house.get(f"/contacts/{second}", role="viewer").json
    assert card == page["items"][0]
    assert card["details"]["phone"] == {
        "value": "+353 1 555 0147",
        "level": "claimed",
        "source": {
            "kind": "channel", "id": "c2", "name": None, "channel": "acme-intercom",
            "session": None,
        },
        "at": card["details"]["phone"]["at"],
    }  # fmt: skip
    assert card["details"]["phone"]["at"].endswith("Z")
    sessions = house.get(f"/contacts/{second}/sessions").json["items"]
    assert [one["conversation"] for one in sessions] == ["2002"]


def test_an_edit_needs_the_state_that_it_is_made_of(house: House) -> None:
    contact = customer(house)
    first = house.get(f"/contacts/{contact}")
    tag = first.headers["ETag"]
    assert house.get(f"/contacts/{contact}", headers={"If-None-Match": tag}).status_code == 304
    refused = patch(house, contact, {"name": "X"}, tag="")
    assert (refused.status_code, refused.json["error"]["code"]) == (428, "unguarded")
    done = patch(house, contact, {"name": "Carol  Customer", "custom": {"tier": 2}}, tag=tag)
    assert done.status_code == 200
    assert (done.json["name"], done.json["custom"]["tier"]["value"]) == ("Carol Customer", 2)
    assert done.json["details"]["name"]["source"]["name"] == "Operator Ann"
    now = house.get(f"/contacts/{contact}")
    assert (now.json, now.headers["ETag"]) == (done.json, done.headers["ETag"])
    late = patch(house, contact, {"name": "Overwritten"}, tag=tag)
    assert (late.status_code, late.json["error"]["code"]) == (412, "changed")
    assert late.json["error"]["details"]["current"] == now.json
    # What a channel says meanwhile counts, too.
    tag = now.headers["ETag"]
    customer(house, 1, email="new@example.test")
    assert patch(house, contact, {"name": "Y"}, tag=tag).status_code == 412
    gone = patch(house, contact, {"name": None})
    assert gone.json["name"] is None
    assert house.get("/sessions?conversation=2001").json["items"][0]["contact"] == {
        "id": contact, "name": None, "email": "new@example.test", "verified": False,
    }  # fmt: skip


def test_the_same_edit_again_changes_nothing(sqlite_house: House) -> None:
    house = sqlite_house
    contact = customer(house)
    tag = house.get(f"/contacts/{contact}").headers["ETag"]
    done = patch(house, contact, {"name": "One"}, tag=tag, key="k1")
    again = patch(house, contact, {"name": "One"}, tag=tag, key="k1")
    assert (again.status_code, again.json, again.headers["ETag"]) == (
        200, done.json, done.headers["ETag"],
    )  # fmt: skip
    other = patch(house, contact, {"name": "One"}, tag=done.headers["ETag"], key="k1")
    assert other.status_code == 422
    assert len(house.get(f"/contacts/{contact}/history").json["items"]) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"name": "x" * 201}, "name"),
        ({"custom": {"x": {"a": 1}}}, "custom.x"),
        ({"custom": {"a b": 1}}, "custom.a b.key"),
        ({"level": "verified"}, "level"),
        ({"name": 4}, "name"),
    ],
)
def test_what_cannot_be_a_detail_is_refused_by_name(
    sqlite_house: House, body: Any, field: str
) -> None:
    contact = customer(sqlite_house)
    refused = patch(sqlite_house, contact, body)
    assert refused.status_code == 422
    assert list(refused.json["error"]["details"]["fields"]) == [field]
    assert sqlite_house.get(f"/contacts/{contact}").json["name"] == "Carol 1"


def test_verified_joined_and_split_again(house: House) -> None:
    one, other = customer(house, 1), customer(house, 2, email="Carol1@Example.test")
    suggested = house.get(f"/contacts/{one}/suggestions", role="viewer").json["items"]
    assert [item["contact"]["id"] for item in suggested] == [other]
    assert suggested[0]["because"][0]["level"] == "claimed"
    before = house.get(f"/contacts/{other}").json
    body = {"detail": "email", "value": "carol1@example.test"}
    verified = house.post(f"/contacts/{one}/verify", body)
    assert (verified.status_code, verified.json["verified"]) == (200, True)
    assert house.post(f"/contacts/{other}/verify", {"detail": "phone"}).status_code == 404
    assert house.post(f"/contacts/{other}/verify", {"detail": "shoe"}).status_code == 422
    stale = house.post(f"/contacts/{other}/verify", {"detail": "email", "value": "old@b.c"})
    assert stale.status_code == 409
    joined = house.post(f"/contacts/{other}/verify", {"detail": "email"}).json
    assert joined["id"] == one
    assert [edge["contact_id"] for edge in joined["joins"]] == [other]
    # Whoever was joined away answers as the one that stands, and says so.
    alias = house.get(f"/contacts/{other}")
    assert alias.json == joined
    assert alias.headers["Content-Location"] == f"/api/v1/contacts/{one}"
    assert len(house.get(f"/contacts/{other}/sessions").json["items"]) == 2
    assert house.get("/sessions?conversation=2002").json["items"][0]["contact"]["id"] == one
    split = house.post(f"/contacts/{one}/split", {"join_id": joined["joins"][0]["id"]})
    assert split.status_code == 200
    assert split.json["contact"]["id"] == one
    restored = split.json["split_off"]
    assert (restored["id"], restored["verified"]) == (other, True)
    assert restored["name"] == before["name"]
    assert house.get(f"/contacts/{other}/suggestions").json["items"] == []
    assert len(house.get(f"/contacts/{one}/sessions").json["items"]) == 1
    assert (
        house.post(f"/contacts/{one}/split", {"join_id": joined["joins"][0]["id"]}).status_code
        == 404
    )


def test_a_person_joins_dismisses_and_reads_the_history(house: House) -> None:
    one, other = customer(house, 1), customer(house, 2)
    third = customer(house, 3, email="carol1@example.test")
    merged = house.post(f"/contacts/{one}/merge", {"contact_id": other})
    assert (merged.status_code, merged.json["id"]) == (200, one)
    assert merged.json["joins"][0]["because"] == "operator"
    assert house.post(f"/contacts/{one}/merge", {"contact_id": other}).status_code == 409
    assert house.post(f"/contacts/{one}/merge", {"contact_id": one}).status_code == 409
    dismissed = house.post(f"/contacts/{one}/suggestions/dismiss", {"contact_id": third})
    assert dismissed.json == {"message": "Suggestion dismissed"}
    assert house.get(f"/contacts/{one}/suggestions").json["items"] == []
    history = house.get(f"/contacts/{other}/history", role="viewer").json["items"]
    assert [line["kind"] for line in history][:1] == ["joined"]
    assert {line["by"]["kind"] for line in history} == {"operator", "channel"}
    page = house.get(f"/contacts/{other}/history?limit=1").json
    following = house.get(f"/contacts/{other}/history?limit=9&cursor={page['next_cursor']}").json
    assert page["items"] + following["items"] == history


def test_who_may(sqlite_house: House) -> None:
    house = sqlite_house
    one, other = customer(house, 1), customer(house, 2)
    assert patch(house, one, {"name": "X"}, role="viewer").status_code == 403
    for path, body in (
        ("verify", {"detail": "email"}),
        ("merge", {"contact_id": other}),
        ("split", {"join_id": "jon_" + "0" * 26}),
        ("suggestions/dismiss", {"contact_id": other}),
    ):
        assert house.post(f"/contacts/{one}/{path}", body, role="viewer").status_code == 403
        missing = house.post(f"/contacts/con_{'0' * 26}/{path}", body)
        assert missing.status_code == 404, path
    for path in ("", "/history", "/suggestions", "/sessions"):
        assert house.get(f"/contacts/con_{'0' * 26}{path}").status_code == 404
        assert house.get(f"/contacts/nonsense{path}").status_code == 404
    assert house.get("/contacts?cursor=nonsense").status_code == 400


def test_what_an_event_says_of_a_change(sqlite_house: House) -> None:
    from gateway import feed

    house = sqlite_house
    customer(house, 2, name="Made up", email=None, level="anonymous")  # of nobody nothing is told
    contact = customer(house)
    patch(house, contact, {"name": "Carol"})
    told = [one for one in feed.read(house.database, 0, 100) if one.kind == "contact.updated"]
    assert [(one.contact_id, one.data) for one in told] == [
        (contact, {"kind": "edited", "changed": ["name"]}),
    ]
