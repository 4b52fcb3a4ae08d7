"""How people come in: operators added, passwords set, tokens made and revoked, at the API."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from gateway.people import operators
from gateway.people.guesses import MOST_OF_BOTH
from gateway.store.models import IdempotentAnswer, Token
from tests.api.house import CHANNEL, House

NEW = {"email": "Nora@acme.test", "name": "Nora Quinn", "role": "operator"}


def holds(house: House, email: str, password: str) -> bool:
    with house.database.read() as db:
        return operators.password_holds(db, email, password)


def set_password(house: House, key: str, password: str = "a first one") -> None:
    answer = house.call(
        "PUT", f"/operators/{house.ids[key]}/password", "admin", json={"password": password}
    )
    assert answer.status_code == 200, answer.text


def audited(house: House, action: str) -> Any:
    return house.get(f"/audit?action={action}", role="admin").json["items"]


def test_an_administrator_adds_an_operator(house: House) -> None:
    more = {"max_sessions": 3, "links": {CHANNEL: "5551"}, "password": "correct horse"}
    answer = house.post("/operators", {**NEW, **more}, "admin", key="k1")
    assert answer.status_code == 201
    told = answer.json
    assert told["email"] == "nora@acme.test"
    assert (told["role"], told["max_sessions"], told["links"]) == ("operator", 3, {CHANNEL: "5551"})
    assert holds(house, "nora@acme.test", "correct horse")
    assert house.post("/operators", {**NEW, **more}, "admin", key="k1").json == told
    (entry,) = audited(house, "add_operator")
    assert entry["object"] == {"kind": "operator", "id": told["id"]}
    assert entry["after"]["email"] == "nora@acme.test"
    assert "horse" not in str(entry)


def test_who_cannot_be_added(sqlite_house: House) -> None:
    house = sqlite_house
    assert house.post("/operators", NEW, "operator").status_code == 403
    assert house.post("/operators", NEW, "admin").status_code == 201
    assert house.post("/operators", NEW, "admin").status_code == 409
    for wrong in (
        {**NEW, "email": "nobody"},
        {**NEW, "role": "king"},
        {**NEW, "name": " "},
        {**NEW, "password": "short"},
        {"email": "x@y.test"},
        {**NEW, "active": False},
    ):
        assert house.post("/operators", wrong, "admin").status_code == 422, wrong
    answer = house.post("/operators", {**NEW, "links": {"nowhere": "1"}}, "admin")
    assert answer.status_code == 404


def test_an_administrator_sets_a_password(sqlite_house: House) -> None:
    house = sqlite_house
    set_password(house, "operator", "a first one")
    assert holds(house, "operator@acme.test", "a first one")
    (entry,) = audited(house, "set_operator_password")
    assert entry["object"]["id"] == house.ids["operator"]
    assert "first" not in str(entry)
    path = f"/operators/{house.ids['viewer']}/password"
    assert house.call("PUT", path, "operator", json={"password": "of mine!"}).status_code == 403


def test_everybody_changes_their_own_password(sqlite_house: House) -> None:
    house = sqlite_house
    body = {"current_password": "a first one", "password": "a second one"}
    assert house.call("PUT", "/me/password", "viewer", json=body).status_code == 409
    set_password(house, "viewer")
    wrong = house.call("PUT", "/me/password", "viewer", json={**body, "current_password": "no"})
    assert wrong.status_code == 403
    assert list(wrong.json["error"]["details"]["fields"]) == ["current_password"]
    assert house.call("PUT", "/me/password", "viewer", json=body).status_code == 200
    assert holds(house, "viewer@acme.test", "a second one")


def test_a_stolen_token_does_not_guess_the_password(sqlite_house: House) -> None:
    house = sqlite_house
    set_password(house, "viewer")
    body = {"current_password": "a guess", "password": "a second one"}
    for _ in range(MOST_OF_BOTH):
        assert house.call("PUT", "/me/password", "viewer", json=body).status_code == 403
    right = {**body, "current_password": "a first one"}
    answer = house.call("PUT", "/me/password", "viewer", json=right)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert holds(house, "viewer@acme.test", "a first one")


def test_tokens_are_made_and_revoked(house: House) -> None:
    path = f"/operators/{house.ids['operator']}/tokens"
    made = house.post(path, role="admin")
    assert made.status_code == 201
    token, id = made.json["token"], made.json["id"]
    house.tokens["new"] = token
    assert house.get("/me", "new").json["id"] == house.ids["operator"]
    listed = house.get(path, "admin").json["items"]
    assert listed[0]["id"] == id
    assert "token" not in listed[0]
    assert house.call("DELETE", f"{path}/{id}", "admin").json["revoked_at"] is not None
    assert house.get("/me", "new").status_code == 401
    assert house.call("DELETE", f"{path}/{id}", "admin").status_code == 200
    actions = [entry["action"] for entry in house.get("/audit", "admin").json["items"]]
    assert actions == ["revoke_token", "revoke_token", "add_token"]


def test_a_new_token_is_kept_nowhere(sqlite_house: House) -> None:
    house = sqlite_house
    path = f"/operators/{house.ids['operator']}/tokens"
    token = house.post(path, role="admin", key="k1").json["token"]
    with house.database.read() as db:
        kept = [*db.scalars(select(IdempotentAnswer.body)), *db.scalars(select(Token.digest))]
    assert kept
    assert all(token not in one for one in kept)
    assert token not in str(house.get("/audit", "admin").json)


def test_tokens_are_for_administrators_and_for_those_who_may_come_in(sqlite_house: House) -> None:
    house = sqlite_house
    path = f"/operators/{house.ids['viewer']}/tokens"
    for role in ("operator", "viewer"):
        assert house.get(path, role).status_code == 403
        assert house.post(path, role=role).status_code == 403
    other = house.get(f"/operators/{house.ids['admin']}/tokens", "admin").json["items"][0]["id"]
    assert house.call("DELETE", f"{path}/{other}", "admin").status_code == 404
    house.call("PATCH", f"/operators/{house.ids['viewer']}", "admin", json={"active": False})
    assert house.post(path, role="admin").status_code == 409
