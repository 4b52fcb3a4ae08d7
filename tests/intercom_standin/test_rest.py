"""The REST API: what each door answers, how it refuses, its limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from intercom_standin import StandIn
from intercom_standin.cast import AOIFE_ID, BOT_ADMIN_ID, SUPPORT_TEAM_ID
from tests.intercom_standin.conftest import Api, FakeClock

BOT = str(BOT_ADMIN_ID)


@pytest.fixture
def conversation_id(standin: StandIn) -> str:
    return standin.world.customer_starts("Hello", name="Nora Quinn").conversation_id


def code(answer: requests.Response) -> tuple[int, str]:
    content = answer.json()
    assert content["type"] == "error.list"
    assert "request_id" in content
    return answer.status_code, content["errors"][0]["code"]


def reply(body: Any = "Hi", **fields: Any) -> dict[str, Any]:
    return {"type": "admin", "message_type": "comment", "admin_id": BOT, "body": body} | fields


def test_a_reply_is_answered_with_the_conversation_and_its_new_part(
    standin: StandIn, api: Api, conversation_id: str
) -> None:
    standin.world.assign(conversation_id, "bot")
    answer = api("POST", f"/conversations/{conversation_id}/reply", reply("<p>Hi</p>"))
    assert answer.status_code == 200
    part = answer.json()["conversation_parts"]["conversation_parts"][-1]
    assert part["part_type"] == "comment"
    assert part["author"]["id"] == BOT
    assert standin.world.conversation(conversation_id).parts[-1].id == part["id"]


def test_a_note_is_no_comment(standin: StandIn, api: Api, conversation_id: str) -> None:
    answer = api(
        "POST", f"/conversations/{conversation_id}/reply", reply("psst", message_type="note")
    )
    assert answer.json()["conversation_parts"]["conversation_parts"][-1]["part_type"] == "note"
    assert standin.requests[-1].kind == "note"
    assert standin.notifier.pending[-1].topic == "conversation.admin.noted"


def test_assign_close_open_and_snooze(api: Api, standin: StandIn, conversation_id: str) -> None:
    path = f"/conversations/{conversation_id}/parts"
    acts: list[dict[str, Any]] = [
        {"message_type": "assignment", "type": "team", "assignee_id": str(SUPPORT_TEAM_ID)},
        {"message_type": "assignment", "type": "admin", "assignee_id": AOIFE_ID},
        {"message_type": "assignment", "type": "admin", "assignee_id": "0"},
        {"message_type": "close", "type": "admin"},
        {"message_type": "open"},
        {"message_type": "snoozed", "snoozed_until": 1_900_000_000},
    ]
    seen = [api("POST", path, act | {"admin_id": BOT}).json() for act in acts]
    assert [(one["admin_assignee_id"], one["team_assignee_id"]) for one in seen[:3]] == [
        (0, SUPPORT_TEAM_ID),
        (AOIFE_ID, SUPPORT_TEAM_ID),
        (0, 0),
    ]
    assert [one["state"] for one in seen] == ["open", "open", "open", "closed", "open", "snoozed"]
    assert [one.kind for one in standin.requests] == [
        *["assign"] * 3,
        "close",
        "open",
        "snooze",
    ]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("reply", reply("  "), (400, "parameter_invalid")),
        ("reply", reply("<script>x</script>"), (400, "parameter_invalid")),
        ("reply", reply(admin_id=str(SUPPORT_TEAM_ID)), (404, "admin_not_found")),
        ("reply", reply(admin_id=None), (400, "parameter_missing")),
        ("reply", reply(message_type="shout"), (400, "parameter_invalid")),
        ("reply", reply(body=7), (400, "parameter_invalid")),
        ("reply", ["not", "an", "object"], (400, "bad_request")),
        (
            "parts",
            {"message_type": "assignment", "type": "team", "admin_id": BOT, "assignee_id": "9"},
            (404, "team_not_found"),
        ),
        (
            "parts",
            {"message_type": "assignment", "type": "admin", "admin_id": BOT},
            (400, "parameter_missing"),
        ),
        ("parts", {"message_type": "snoozed", "admin_id": BOT}, (400, "parameter_missing")),
    ],
)
def test_wrong_requests_change_nothing(
    standin: StandIn,
    api: Api,
    conversation_id: str,
    path: str,
    body: Any,
    expected: tuple[int, str],
) -> None:
    answer = api("POST", f"/conversations/{conversation_id}/{path}", body)
    assert code(answer) == expected
    assert standin.world.conversation(conversation_id).parts == []


def test_unknown_things_are_404(api: Api) -> None:
    for path in ("/conversations/1", "/contacts/abc", "/admins/1", "/teams/1", "/nothing/here"):
        assert code(api("GET", path)) == (404, api("GET", path).json()["errors"][0]["code"])
    assert code(api("POST", "/conversations/1/reply", reply()))[0] == 404


def test_a_wrong_token_is_401_without_rate_headers(standin: StandIn) -> None:
    answer = Api(standin.base_url, "wrong")("GET", "/me")
    assert code(answer) == (401, "unauthorized")
    assert "X-RateLimit-Limit" not in answer.headers
    assert code(requests.get(standin.base_url + "/me", timeout=5)) == (401, "unauthorized")


def test_an_unknown_version_is_400(api: Api) -> None:
    answer = api("GET", "/me", Intercom_Version="9.9")
    assert code(answer) == (400, "intercom_version_invalid")


@pytest.fixture
def limited(clock: FakeClock) -> Iterator[Api]:
    clock.at = 1_790_000_003.0
    with StandIn(mode="manual", clock=clock, rate_limit=2) as standin:
        yield Api(standin.base_url, standin.token)


def test_the_rate_limit_counts_in_windows_of_ten_seconds(limited: Api, clock: FakeClock) -> None:
    first, second, third = (limited("GET", "/me") for _ in range(3))
    assert [one.headers["X-RateLimit-Remaining"] for one in (first, second)] == ["1", "0"]
    assert first.headers["X-RateLimit-Limit"] == "2"
    assert first.headers["X-RateLimit-Reset"] == "1790000010"
    assert code(third) == (429, "rate_limit_exceeded")
    assert third.json()["errors"][0]["message"] == "Exceeded rate limit of 2 in 10_seconds"
    assert "Retry-After" not in third.headers
    clock.advance(7)
    assert limited("GET", "/me").status_code == 200


def test_a_merged_contact_is_404_and_since_2_16_410_with_its_new_address(
    standin: StandIn, api: Api
) -> None:
    lead = standin.world.add_contact("Nora").contact
    user = standin.world.add_contact("Nora", external_id="n-1").contact
    assert lead is not None
    assert user is not None
    standin.world.merge_contacts(lead.id, user.id)
    assert code(api("GET", f"/contacts/{lead.id}")) == (404, "not_found")
    gone = api("GET", f"/contacts/{lead.id}", Intercom_Version="2.16")
    assert code(gone) == (410, "contact_merged")
    assert gone.headers["Link"] == f'</contacts/{user.id}>; rel="canonical"'
    found = api("POST", "/contacts/search", {"query": _equals("name", "Nora")}).json()
    assert [one["id"] for one in found["data"]] == [user.id]
    assert api("GET", "/contacts/find_by_external_id/n-1").json()["id"] == user.id


def _equals(field: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": "=", "value": value}


def test_searching_and_paging(standin: StandIn, api: Api, clock: FakeClock) -> None:
    ids = []
    for number in range(5):
        clock.advance(10)
        ids.append(standin.world.customer_starts(f"Hello {number}").conversation_id)
    clock.advance(10)
    standin.world.close(ids[0], AOIFE_ID)
    seen: list[str] = []
    after = None
    while True:
        paging = {"per_page": 2} | ({"starting_after": after} if after else {})
        query = {"field": "updated_at", "operator": ">", "value": 0}
        page = api("POST", "/conversations/search", {"query": query, "pagination": paging}).json()
        assert all("conversation_parts" not in one for one in page["conversations"])
        seen += [one["id"] for one in page["conversations"]]
        if "next" not in page["pages"]:
            break
        after = page["pages"]["next"]["starting_after"]
    assert seen == [ids[0], ids[4], ids[3], ids[2], ids[1]]
    assert page["total_count"] == 5
    closed = {"operator": "AND", "value": [_equals("state", "closed"), _equals("open", False)]}
    found = api("POST", "/conversations/search", {"query": closed}).json()
    assert [one["id"] for one in found["conversations"]] == [ids[0]]
    listed = api("GET", "/conversations?per_page=3").json()
    assert [one["id"] for one in listed["conversations"]] == seen[:3]


def test_a_search_has_limits(api: Api, conversation_id: str) -> None:
    inner = {"operator": "AND", "value": [_equals("id", "1")]}
    deep = {"operator": "AND", "value": [{"operator": "OR", "value": [inner]}]}
    wide = {"operator": "OR", "value": [_equals("id", str(n)) for n in range(16)]}
    for query in (deep, wide, _equals("shoe_size", 1), {"field": "id"}):
        answer = api("POST", "/conversations/search", {"query": query})
        assert code(answer) == (400, "parameter_invalid")
    allowed = {"operator": "AND", "value": [inner]}
    assert api("POST", "/conversations/search", {"query": allowed}).status_code == 200
    assert code(api("GET", "/conversations?per_page=151")) == (400, "parameter_invalid")
    assert code(api("GET", "/conversations?starting_after=x")) == (400, "parameter_invalid")


def test_deleted_conversations_are_listed_since_2_16(
    standin: StandIn, api: Api, conversation_id: str
) -> None:
    standin.world.delete_conversation(conversation_id)
    assert code(api("GET", "/conversations/deleted")) == (400, "intercom_version_invalid")
    listed = api("GET", "/conversations/deleted", Intercom_Version="2.16").json()
    assert [one["id"] for one in listed["conversations"]] == [conversation_id]
    assert listed["pages"]["next"] is None
    assert code(api("GET", f"/conversations/{conversation_id}")) == (404, "not_found")


def test_me_is_the_tokens_owner_and_not_the_bot(api: Api) -> None:
    me = api("GET", "/me").json()
    assert me["id"] == str(AOIFE_ID)
    assert me["app"]["id_code"] == "abc123std"
    assert {one["name"] for one in api("GET", "/admins").json()["admins"]} == {
        "Sage (AI)",
        "Aoife Byrne",
        "Marek Nowak",
    }
    assert [one["name"] for one in api("GET", "/teams").json()["teams"]] == ["Support", "Billing"]


def test_away_and_attributes(standin: StandIn, api: Api, conversation_id: str) -> None:
    away = {"away_mode_enabled": True, "away_mode_reassign": True}
    assert api("PUT", f"/admins/{BOT}/away", away).json()["away_mode_enabled"] is True
    updated = api("PUT", f"/conversations/{conversation_id}", {"custom_attributes": {"Mood": "x"}})
    assert updated.json()["custom_attributes"]["Mood"] == "x"
    contact_id = standin.world.conversation(conversation_id).contact.id
    assert api("PUT", f"/contacts/{contact_id}", {"name": "Nora Q"}).json()["name"] == "Nora Q"
