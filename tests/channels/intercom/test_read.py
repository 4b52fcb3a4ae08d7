"""A conversation read by REST: the same facts as by webhook, and who holds it now."""

import copy
from typing import Any

import pytest

from gateway import events
from gateway.channels.intercom.conversation import (
    conversation_to_events,
    conversation_to_snapshot,
)
from gateway.errors import Unreadable
from tests.channels.intercom.recorded import BOT, TEAM, WANDA, item_of, kinds, only, told

PARTS = (
    "2.14-to-bot/conversation.admin.assigned",
    "2.14/conversation.user.replied",
    "2.14-two-topics/conversation.admin.replied",
    "2.14/conversation.admin.closed",
)


def whole(**changes: Any) -> Any:
    """Return a conversation with all its parts, as REST has it."""
    item = copy.deepcopy(item_of("2.14/conversation.user.created"))
    parts = [item_of(name)["conversation_parts"]["conversation_parts"][0] for name in PARTS]
    item["conversation_parts"]["conversation_parts"] = [
        {**part, "created_at": part["created_at"] + index} for index, part in enumerate(parts)
    ]
    # REST has integers and HTML in every version.
    item["statistics"]["first_contact_reply_at"] = item["created_at"]
    item |= {"admin_assignee_id": int(WANDA), "updated_at": item["updated_at"] + 400}
    return item | changes


def read(item: Any) -> list[events.Event]:
    return conversation_to_events(item, bot=BOT, read=True)


def test_the_parts_are_the_facts_that_webhooks_told() -> None:
    item = whole()
    item["conversation_parts"]["conversation_parts"] = item_of(PARTS[1])["conversation_parts"][
        "conversation_parts"
    ]
    by_rest = [event for event in read(item) if isinstance(event, events.MessageReceived)]
    by_webhook = [event for event in told(PARTS[1]) if isinstance(event, events.MessageReceived)]
    assert by_rest == by_webhook


def test_a_read_that_agrees_with_its_parts_is_a_read() -> None:
    happened = read(whole())
    assert kinds(happened) == [
        "Assigned", "MessageReceived", "Assigned", "MessageReceived",
        "MessageReceived", "Closed", "AssigneeSeen",
    ]  # fmt: skip
    seen = only(happened, events.AssigneeSeen)
    assert seen.read
    assert seen.id.startswith("read:")
    assert seen.assignee.id == WANDA


def test_the_team_behind_a_teammate_is_no_contradiction() -> None:
    assert only(read(whole(team_assignee_id=int(TEAM))), events.AssigneeSeen).read


def test_a_read_that_contradicts_its_newest_assignment_is_a_snapshot() -> None:
    seen = only(read(whole(admin_assignee_id=int(BOT))), events.AssigneeSeen)
    assert not seen.read
    assert seen.id.startswith("seen:")


def test_a_read_whose_parts_assign_nobody_is_a_read() -> None:
    item = whole(conversation_parts={"conversation_parts": []})
    seen = only(read(item), events.AssigneeSeen)
    assert seen.read
    assert seen.at.number == 0


def test_a_snapshot_tells_the_state() -> None:
    item = whole(state="closed", open=False)
    snapshot = conversation_to_snapshot(item, bot=BOT)
    assert (snapshot.assignee.kind, snapshot.assignee.id) == ("operator", WANDA)
    assert snapshot.closed
    assert snapshot.updated_at == item["updated_at"] * 1_000_000
    assert list(snapshot.events) == read(item)
    assert not conversation_to_snapshot(whole(), bot=BOT).closed
    assert not conversation_to_snapshot(whole(state="snoozed"), bot=BOT).closed
    assert conversation_to_snapshot(whole(state=None, open=False), bot=BOT).closed


@pytest.mark.parametrize("missing", ["admin_assignee_id", "updated_at", "state", "id"])
def test_a_snapshot_that_does_not_tell_is_unreadable(missing: str) -> None:
    item = whole()
    del item[missing]
    item.pop("open")
    with pytest.raises(Unreadable):
        conversation_to_snapshot(item, bot=BOT)


def test_surrogates_and_nuls_never_reach_the_record() -> None:
    item = whole()
    part = item["conversation_parts"]["conversation_parts"][1]
    part |= {"body": "<p>a\ud83d\x00b</p>", "attachments": []}
    part["author"] = {"type": "user", "id": "u1", "name": "N\x00\ud83d"}
    told_by_rest = read(item)
    said = [event for event in told_by_rest if getattr(event, "id", "") == part["id"]]
    assert [getattr(event, "text", None) for event in said] == ["a�b"]
    assert any(getattr(event, "name", None) == "N�" for event in told_by_rest)
