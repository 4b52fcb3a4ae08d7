"""Operators, presence and pictures at the API."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.people.avatars import LARGEST
from gateway.people.presence import LASTS_S
from tests.api.house import CHANNEL, House

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
PICTURES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0" + b"\x00" * 40,
    "image/gif": b"GIF89a" + b"\x00" * 40,
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 " + b"\x00" * 40,
}
NO_PICTURES = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "nothing": b"",
    "riff": b"RIFF\x24\x00\x00\x00WAVE" + b"\x00" * 40,
    "cut": PNG[:6],
    "late": b" " + PNG,
}


@pytest.fixture
def present(migrated_sqlite_url: str, valkey_url: str) -> Iterator[House]:
    """A house with a Redis."""
    house = House(migrated_sqlite_url, redis_url=valkey_url)
    yield house
    house.parts.database.dispose()


def put(house: House, path: str, json: Any = None, role: str = "operator", **more: Any) -> Any:
    return house.call("PUT", path, role, json=json, **more)


def patch(house: House, path: str, json: Any, role: str = "admin", **more: Any) -> Any:
    return house.call("PATCH", path, role, json=json, **more)


def me(house: House, role: str = "operator") -> Any:
    return house.get("/me", role).json


# -- who there is ------------------------------------------------------------------------------


def test_an_operator_as_everybody_sees_them(house: House) -> None:
    id = house.ids["operator"]
    found = house.get(f"/operators/{id}", "viewer").json
    assert found == {
        "id": id, "email": "operator@acme.test", "name": "Operator Ann", "role": "operator",
        "active": True,
        "avatar": {"url": None, "initials": "OA", "colour": found["avatar"]["colour"]},
        "presence": "unknown", "in_hours": True, "opens_at": None, "open_sessions": 0,
        "max_sessions": None, "working_hours": None, "days_off": [], "team_ids": [],
        "links": {CHANNEL: "90001"}, "created_at": "2026-11-22T16:00:00Z",
    }  # fmt: skip
    assert me(house) == found
    assert house.get("/operators/opr_" + "0" * 26).status_code == 404
    assert house.get("/operators/somebody").status_code == 404


def test_the_list_by_name_page_by_page(sqlite_house: House) -> None:
    house = sqlite_house
    for key in ("zoe", "ann", "Bob"):
        house.add_operator("operator", key=key)
    team = house.post("/teams", {"name": "T", "member_ids": [house.ids["zoe"]]}, "admin").json
    patch(house, f"/operators/{house.ids['Bob']}", {"active": False})
    seen, cursor = [], ""
    while True:
        page = house.get(f"/operators?limit=2{cursor}").json
        seen += [one["name"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    everybody = ["Admin Ann", "Ann Ann", "Bob Ann", "Operator Ann", "Viewer Ann", "Zoe Ann"]
    assert seen == everybody
    for query, names in (
        ("active=false", ["Bob Ann"]),
        ("active=true", [name for name in everybody if name != "Bob Ann"]),
        (f"team={team['id']}", ["Zoe Ann"]),
        ("team=no-team", []),
    ):
        assert [one["name"] for one in house.get(f"/operators?{query}").json["items"]] == names
    for query, status in (("active=yes", 422), ("cursor=x", 400), ("limit=0", 422)):
        assert house.get(f"/operators?{query}").status_code == status


def test_load_counts_sessions_under_both_names(house: House) -> None:
    house.happen("1", house.said("1", "Hi"), house.assigned("1", "operator", "90001"))
    house.happen("2", house.said("2", "Hi"), house.assigned("2", "operator", "90001"))
    assert me(house)["open_sessions"] == 2
    assert me(house, "admin")["open_sessions"] == 0


# -- changing them -----------------------------------------------------------------------------


def test_administrators_change_operators(sqlite_house: House) -> None:
    house = sqlite_house
    id = house.ids["operator"]
    body = {
        "name": "Ann Lee", "role": "admin", "max_sessions": 4,
        "working_hours": "Mon-Fri 09:00-17:00", "days_off": ["2026-12-25"],
        "links": {CHANNEL: "777"},
    }  # fmt: skip
    answer = patch(house, f"/operators/{id}", body, key="one")
    assert answer.status_code == 200
    assert {name: answer.json[name] for name in body} == body
    # It is Sunday, in Dublin as well.
    assert (answer.json["in_hours"], answer.json["opens_at"]) == (False, "2026-11-23T09:00:00Z")
    again = patch(house, f"/operators/{id}", body, key="one")
    assert (again.json, again.headers["Idempotency-Replayed"]) == (answer.json, "true")
    nothing = patch(house, f"/operators/{id}", {}).json
    assert nothing == answer.json
    cleared = {"max_sessions": None, "working_hours": None, "days_off": [], "links": {}}
    after = patch(house, f"/operators/{id}", cleared).json
    assert (after["max_sessions"], after["days_off"], after["links"]) == (
        None,
        [],
        {CHANNEL: "777"},
    )
    assert patch(house, f"/operators/{id}", {"links": {CHANNEL: None}}).json["links"] == {}


CANNOT_BE: list[tuple[Any, int, str | None]] = [
    ({"name": " "}, 422, "name"),
    ({"role": "boss"}, 422, "role"),
    ({"active": "no"}, 422, "active"),
    ({"max_sessions": 0}, 422, "max_sessions"),
    ({"max_sessions": "3"}, 422, "max_sessions"),
    ({"working_hours": "nine to five"}, 422, "working_hours"),
    ({"working_hours": "Mon 09:00-17:00 \x00"}, 422, "working_hours"),
    ({"days_off": ["25 December"]}, 422, "days_off.0"),
    ({"links": {"no-such": "1"}}, 404, None),
    ({"links": {CHANNEL: "90000"}}, 409, None),
    ({"team_ids": ["tea_" + "0" * 26]}, 404, None),
    ({"email": "new@acme.test"}, 422, "email"),
]


def test_what_cannot_be_changed_is_told_by_name(sqlite_house: House) -> None:
    before = me(sqlite_house)
    for body, status, field in CANNOT_BE:
        answer = patch(sqlite_house, f"/operators/{before['id']}", body)
        assert answer.status_code == status, body
        if field is not None:
            assert field in answer.json["error"]["details"]["fields"], body
    assert me(sqlite_house) == before


def test_others_change_themselves_only(sqlite_house: House) -> None:
    house = sqlite_house
    for role in ("operator", "viewer"):
        for id in house.ids.values():
            assert patch(house, f"/operators/{id}", {"name": "X"}, role).status_code == 403
        assert patch(house, "/me", {"name": f"New  {role}"}, role).json["name"] == f"New {role}"
        for body in ({"role": "admin"}, {"name": ""}, {"avatar": "x"}):
            assert patch(house, "/me", body, role).status_code == 422
    assert me(house, "viewer")["role"] == "viewer"


def test_who_is_deactivated_is_out_at_once(present: House) -> None:
    put(present, "/me/presence", {"state": "online"})
    id = present.ids["operator"]
    gone = patch(present, f"/operators/{id}", {"active": False}).json
    assert gone["active"] is False
    assert present.get("/me").status_code == 401
    assert present.get(f"/operators/{id}", "admin").json["presence"] == "offline"
    last = patch(present, f"/operators/{present.ids['admin']}", {"active": False})
    assert last.status_code == 409


# -- presence ----------------------------------------------------------------------------------


def test_presence_is_said_and_runs_out(present: House) -> None:
    assert me(present)["presence"] == "offline"
    said = put(present, "/me/presence", {"state": "online"})
    assert said.json == {"state": "online", "until": "2026-11-22T16:01:30Z", "kept": True}
    assert me(present)["presence"] == "online"
    assert me(present, "viewer")["presence"] == "offline"
    put(present, "/me/presence", {"state": "away"}, key="k")
    assert me(present)["presence"] == "away"
    present.clock.advance(LASTS_S)
    assert me(present)["presence"] == "offline"
    put(present, "/me/presence", {"state": "online"})
    gone = put(present, "/me/presence", {"state": "offline"})
    assert gone.json == {"state": "offline", "until": None, "kept": True}
    assert me(present)["presence"] == "offline"
    for body in ({"state": "unknown"}, {}, {"state": 1}):
        assert put(present, "/me/presence", body).status_code == 422


def test_without_redis_presence_is_no_error(sqlite_house: House) -> None:
    said = put(sqlite_house, "/me/presence", {"state": "online"})
    assert (said.status_code, said.json["kept"], said.json["until"]) == (200, False, None)
    assert me(sqlite_house)["presence"] == "unknown"


# -- pictures ----------------------------------------------------------------------------------


def picture(house: House, id: str, content: bytes, role: str = "operator", **more: Any) -> Any:
    headers = {"Content-Type": more.pop("type", "application/octet-stream")}
    return put(house, f"/operators/{id}/avatar", None, role, data=content, headers=headers, **more)


def test_a_picture_is_served_as_what_its_bytes_are(house: House) -> None:
    id = house.ids["operator"]
    for kind, content in PICTURES.items():
        given = picture(house, id, content, type="text/html")
        assert given.status_code == 200
        url = given.json["avatar"]["url"]
        assert url.startswith(f"/api/v1/operators/{id}/avatar?v=")
        answer = house.get(url.removeprefix("/api/v1"), "viewer")
        assert answer.data == content
        headers = answer.headers
        assert headers["Content-Type"] == kind
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Disposition"] == f'inline; filename="avatar.{kind[6:]}"'
        assert "sandbox" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "private, no-cache"
        known = house.get(f"/operators/{id}/avatar", headers={"If-None-Match": headers["ETag"]})
        assert (known.status_code, known.data) == (304, b"")
        other = house.get(f"/operators/{id}/avatar", headers={"If-None-Match": '"other"'})
        assert other.status_code == 200


def test_nothing_else_is_a_picture(sqlite_house: House) -> None:
    id = sqlite_house.ids["operator"]
    for name, content in NO_PICTURES.items():
        refused = picture(sqlite_house, id, content, type="image/png")
        assert refused.status_code == 422, name
    assert sqlite_house.get(f"/operators/{id}/avatar").status_code == 404


def test_a_pictures_size_is_bounded(sqlite_house: House) -> None:
    id = sqlite_house.ids["operator"]
    assert picture(sqlite_house, id, PNG.ljust(LARGEST, b"\x00")).status_code == 200
    for size in (LARGEST + 1, 1024 * 1024 + 1):
        assert picture(sqlite_house, id, PNG.ljust(size, b"\x00")).status_code == 413
    assert sqlite_house.get(f"/operators/{id}/avatar", role=None).status_code == 401


def test_ones_own_name_and_picture_at_once(sqlite_house: House) -> None:
    house = sqlite_house
    gif = base64.b64encode(PICTURES["image/gif"]).decode()
    changed = patch(house, "/me", {"name": "Ann Lee", "avatar": gif}, "viewer", key="k").json
    assert changed["name"] == "Ann Lee"
    url = changed["avatar"]["url"].removeprefix("/api/v1")
    assert house.get(url).data == PICTURES["image/gif"]
    again = patch(house, "/me", {"name": "Ann Lee", "avatar": gif}, "viewer", key="k")
    assert again.headers["Idempotency-Replayed"]
    assert patch(house, "/me", {"name": "Bo"}, "viewer").json["avatar"]["url"] is not None
    gone = patch(house, "/me", {"avatar": None}, "viewer").json
    assert (gone["name"], gone["avatar"]["url"], gone["avatar"]["initials"]) == ("Bo", None, "B")
    assert patch(house, "/me", {}, "viewer").json == gone
    for content in (*NO_PICTURES.values(), PNG.ljust(LARGEST + 1, b"\x00")):
        bad = base64.b64encode(content).decode()
        assert patch(house, "/me", {"avatar": bad}, "viewer").status_code == 422
    entries = house.get("/audit?action=change_me", "admin").json["items"]
    assert set(entries[-1]["after"]) == {"name", "sha256"}


def test_a_picture_is_ones_own(sqlite_house: House) -> None:
    house, id = sqlite_house, sqlite_house.ids["operator"]
    assert picture(house, id, PNG, "viewer").status_code == 403
    assert picture(house, id, PNG, "admin").status_code == 200
    assert house.call("DELETE", f"/operators/{id}/avatar", "viewer").status_code == 403
    first = picture(house, id, PICTURES["image/gif"], key="k").json["avatar"]["url"]
    assert picture(house, id, PICTURES["image/gif"], key="k").headers["Idempotency-Replayed"]
    assert picture(house, id, PNG, key="k").status_code == 422
    assert picture(house, id, PNG).json["avatar"]["url"] != first
    gone = house.call("DELETE", f"/operators/{id}/avatar", "operator")
    assert gone.json["avatar"]["url"] is None
    assert house.get(f"/operators/{id}/avatar").status_code == 404
    assert picture(house, "opr_" + "0" * 26, PNG, "admin").status_code == 404


# -- who is responsible --------------------------------------------------------------------------


def test_the_responsible_one_has_a_face(house: House) -> None:
    id = house.ids["operator"]
    picture(house, id, PNG)
    session = house.session()

    def shown() -> Any:
        found = house.get(f"/sessions/{session}").json["responsible"]
        listed = house.get("/sessions").json["items"][0]["responsible"]
        assert listed == found
        return found["avatar"]

    assert shown()["initials"] == "AI"
    house.happen("1001", house.assigned("1001", "operator", "90001"))
    linked = shown()
    assert linked == me(house)["avatar"]
    assert linked["url"].startswith(f"/api/v1/operators/{id}/avatar")
    house.staff("operator", "555", "Dora van Dam")
    house.happen("1001", house.assigned("1001", "operator", "555"))
    theirs = shown()
    assert (theirs["url"], theirs["initials"]) == (None, "DD")
    house.happen("1001", house.assigned("1001", "none"))
    assert shown() is None


# -- teams -------------------------------------------------------------------------------------


def test_teams_at_the_api(sqlite_house: House) -> None:
    house = sqlite_house
    ann, bob = house.ids["operator"], house.ids["viewer"]
    made = house.post("/teams", {"name": "First line", "member_ids": [ann]}, "admin", key="k")
    assert made.status_code == 201
    team = made.json
    assert (team["name"], team["member_ids"]) == ("First line", [ann])
    assert (
        house.post("/teams", {"name": "First line", "member_ids": [ann]}, "admin", key="k").json
        == team
    )
    assert house.post("/teams", {"name": "First line"}, "admin").status_code == 409
    assert house.get("/teams", "viewer").json == {"items": [team], "next_cursor": None}
    url = f"/teams/{team['id']}"
    assert house.get(url).json == team
    both = put(house, f"{url}/members/{bob}", {}, "admin").json
    assert both["member_ids"] == sorted([ann, bob])
    assert me(house, "viewer")["team_ids"] == [team["id"]]
    one = house.call("DELETE", f"{url}/members/{ann}", "admin").json
    assert one["member_ids"] == [bob]
    renamed = patch(house, url, {"name": "Second line"}).json
    assert (renamed["name"], renamed["member_ids"]) == ("Second line", [bob])
    assert patch(house, url, {"member_ids": []}).json["member_ids"] == []
    assert house.call("DELETE", url, "admin").json == {"id": team["id"]}
    assert house.get(url).status_code == 404
    assert house.call("DELETE", url, "admin").status_code == 404


def test_only_administrators_change_teams(sqlite_house: House) -> None:
    house = sqlite_house
    team = house.post("/teams", {"name": "T"}, "admin").json
    url, ann = f"/teams/{team['id']}", house.ids["operator"]
    for role in ("operator", "viewer"):
        assert house.post("/teams", {"name": "U"}, role).status_code == 403
        assert patch(house, url, {"name": "U"}, role).status_code == 403
        assert house.call("DELETE", url, role).status_code == 403
        assert put(house, f"{url}/members/{ann}", {}, role).status_code == 403
        assert house.call("DELETE", f"{url}/members/{ann}", role).status_code == 403
    for body, status in (
        ({}, 422),
        ({"name": " "}, 422),
        ({"name": "U", "member_ids": [base64.b64encode(b"x").decode()]}, 404),
    ):
        assert house.post("/teams", body, "admin").status_code == status
    assert house.get("/teams").json["items"] == [team]


def test_a_team_that_settings_name_keeps_its_name(sqlite_house: House) -> None:
    from dataclasses import replace

    from gateway.app import create_app

    house = sqlite_house
    support = replace(house.parts.agents["support"], team="First line")
    house.parts = replace(house.parts, agents={"support": support})
    house.app = create_app(house.parts, house.answers)
    team = house.post("/teams", {"name": "First line"}, "admin").json
    url = f"/teams/{team['id']}"
    for answer in (patch(house, url, {"name": "Other"}), house.call("DELETE", url, "admin")):
        assert answer.status_code == 409
        assert "[agents.support]" in answer.json["error"]["message"]
    assert patch(house, url, {"name": "First line"}).status_code == 200
