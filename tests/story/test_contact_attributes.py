"""Fields of our own that are attributes of contacts in Intercom, by `contact_attributes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.events import Answer
from tests.rig import Rig, rig
from tests.story.test_contacts import Desk

MAPPED = {
    "contact_attributes": {
        "custom.order_no": "Order number", "custom.orders": "orders", "custom.gone": "no such one",
    },
    "agent_rules": {"contact_fields": {"custom.order_no": "results.order"}},
}  # fmt: skip


@pytest.fixture
def desk(make_rig: Callable[..., Rig]) -> Desk:
    return Desk(make_rig(**MAPPED))


def attributes(desk: Desk) -> dict[str, Any]:
    return dict(desk.there().custom_attributes)


def shown(desk: Desk) -> dict[str, Any]:
    return {name: said["value"] for name, said in desk.card["custom"].items()}


@pytest.fixture
def desk_on_both(migrated_url: str, tmp_path: Path) -> Iterator[Desk]:
    with rig(migrated_url, tmp_path, **MAPPED) as made:
        yield Desk(made)


def test_an_edit_goes_there_and_comes_back_as_nobodys_news(desk_on_both: Desk) -> None:
    desk = desk_on_both
    desk.edits(custom={"order_no": "A-17", "orders": 0, "own": "kept here"}, name="Cleo C.")
    assert set(desk.became()) == {"name", "custom.order_no", "custom.orders"}
    desk.it.settle()
    assert attributes(desk) == {"Order number": "A-17", "orders": 0}
    assert desk.there().name == "Cleo C."
    assert {state for state, _ in desk.became().values()} == {"sent"}
    assert shown(desk) == {"order_no": "A-17", "orders": 0, "own": "kept here"}
    assert desk.card["custom"]["order_no"]["source"]["kind"] == "operator"
    # The name in one call, each field in its own.
    assert [sorted(put) for put in desk.puts()] == [["name"]] + [["custom_attributes"]] * 2
    desk.edits(custom={"order_no": None})
    desk.it.settle()
    assert attributes(desk) == {"Order number": None, "orders": 0}
    assert "order_no" not in shown(desk)


def test_an_attribute_that_is_not_there_holds_nothing_up(desk: Desk) -> None:
    desk.edits(custom={"gone": "x", "orders": "many", "order_no": "A-17"}, email="c@acme.test")
    desk.it.settle()
    became = desk.became()
    assert {name: state for name, (state, _) in became.items()} == {
        "email": "sent", "custom.order_no": "sent", "custom.gone": "not_taken",
        "custom.orders": "not_taken",
    }  # fmt: skip
    assert "Custom attribute 'no such one' does not exist" in str(became["custom.gone"])
    assert "must be of type int" in str(became["custom.orders"])
    assert (desk.there().email, attributes(desk)) == ("c@acme.test", {"Order number": "A-17"})
    # Somebody creates it there, and sends again.
    desk.it.world.contact_attributes["no such one"] = str
    desk.posts("/send")
    desk.it.settle()
    assert attributes(desk)["no such one"] == "x"
    assert desk.became()["custom.gone"][0] == "sent"


def test_what_is_said_there_is_shown_and_the_newest_counts(desk: Desk) -> None:
    it = desk.it
    it.advance(2)
    it.world.update_contact(desk.theirs, custom_attributes={"orders": 3, "plan": "Pro"})
    it.settle()
    assert shown(desk) == {"orders": 3}
    assert desk.card["custom"]["orders"]["source"]["kind"] == "channel"
    assert desk.identity["said"]["custom.orders"]["value"] == 3
    it.advance(2)
    it.world.update_contact(desk.theirs, custom_attributes={"orders": None})
    it.settle()
    assert shown(desk) == {}
    # While an edit waits, somebody changes it there.
    desk.edits(custom={"orders": 4})
    it.advance(2)
    it.world.update_contact(desk.theirs, custom_attributes={"orders": 5})
    it.settle()
    assert (shown(desk), attributes(desk)["orders"]) == ({"orders": 5}, 5)
    assert desk.became()["custom.orders"][0] == "not_sent"


def test_what_the_ai_finds_out_goes_there_too(desk: Desk) -> None:
    it = desk.it
    it.agent.ask = lambda turn: Answer(messages=["Thanks."], results={"order": "B-18"})  # type: ignore[method-assign]
    it.advance(2)
    it.world.customer_replies(desk.thread, "It is B-18.")
    it.settle()
    assert attributes(desk) == {"Order number": "B-18"}
    assert shown(desk) == {"order_no": "B-18"}
    assert desk.became() == {"custom.order_no": ("sent", None)}


def test_without_a_mapping_none_is_shared(make_rig: Callable[..., Rig]) -> None:
    desk = Desk(make_rig())
    desk.it.world.update_contact(desk.theirs, custom_attributes={"plan": "Pro"})
    desk.edits(custom={"order_no": "A-17"})
    desk.it.settle()
    assert (desk.rows(), shown(desk)) == ([], {"order_no": "A-17"})
