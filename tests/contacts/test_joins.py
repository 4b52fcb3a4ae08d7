"""Who is one person: by themselves, by a channel, by a person; and what an undo gives back."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gateway.errors import Conflict, NotFound
from tests.contacts.town import Town

_FLEETING = ("updated_at", "joins")


def state(card: Any) -> Any:
    return {name: value for name, value in card.items() if name not in _FLEETING}


def test_an_anonymous_visitor_is_nobody_until_a_detail_is_given(town: Town) -> None:
    visitor = town.sees("v1")
    assert town.listed() == []
    assert town.card(visitor)["level"] == "anonymous"
    town.sees("v1", name="A made-up name", level="anonymous")
    assert town.listed() == []
    town.sees("v1", email="Vera@Acme.Test")
    assert town.listed() == [visitor]
    assert town.listed("vera@") == town.listed("VERA@acme.test") == [visitor]
    card = town.card(visitor)
    assert (card["email"], card["verified"], card["level"]) == ("vera@acme.test", False, "claimed")
    assert card["details"]["email"]["source"] == {
        "kind": "channel", "id": "v1", "name": None, "channel": "chat", "session": None,
    }  # fmt: skip


def test_a_claimed_address_only_suggests(town: Town) -> None:
    one = town.sees("v1", email="ann@acme.test", level="verified")
    other = town.sees("v2", "shop", email="ANN@acme.test", phone="+353 1 555 0147")
    assert town.standing() == {one: one, other: other}
    (suggested,) = town.suggested(one)
    assert suggested["contact"]["id"] == other
    assert suggested["because"] == [
        {"detail": "email", "value": "ann@acme.test", "level": "claimed"}
    ]
    assert [item["contact"]["id"] for item in town.suggested(other)] == [one]
    assert town.visible(other) == {other}
    town.dismisses(other, one)
    assert town.suggested(one) == town.suggested(other) == []
    # Two verified addresses are stronger than that.
    town.verifies(other, "email")
    assert town.standing() == {one: one, other: one}
    assert town.visible(other) == {one, other} == town.visible(one)


def test_a_phone_number_suggests_and_never_joins(sqlite_town: Town) -> None:
    town = sqlite_town
    one = town.sees("v1", phone="+353 1 555 0147", level="verified")
    other = town.sees("v2", phone="00353 (1) 5550147", level="verified")
    assert town.standing() == {one: one, other: other}
    assert [item["because"][0]["level"] for item in town.suggested(one)] == ["verified"]


@pytest.mark.parametrize("detail", ["email", "external_id"])
def test_a_verified_key_joins_by_itself_into_the_eldest(town: Town, detail: str) -> None:
    elder = town.sees("v1", name="Ann")
    younger = town.sees("v2", "shop", name="Ann Acme", **{detail: "k@1"}, level="verified")
    town.sees("v1", **{detail: "k@1"}, level="verified")
    assert town.standing() == {elder: elder, younger: elder}
    card = town.card(younger)
    assert card["id"] == elder
    assert [edge["because"] for edge in card["joins"]] == [detail]
    assert card["joins"][0]["by"]["kind"] == "system"
    assert card["name"] == "Ann Acme"  # verified beats claimed
    assert {identity["id"] for identity in card["identities"]} == {"v1", "v2"}


def test_one_mailbox_with_two_accounts_is_suggested(sqlite_town: Town) -> None:
    town = sqlite_town
    one = town.sees("v1", email="office@acme.test", external_id="1", level="verified")
    other = town.sees("v2", email="office@acme.test", external_id="2", level="verified")
    assert town.standing() == {one: one, other: other}
    assert len(town.suggested(one)) == 1
    third = town.sees("v3", external_id="2", level="verified")
    assert town.standing()[third] == other


def test_a_channels_merge_is_journaled_and_can_be_undone(town: Town) -> None:
    lead = town.sees("lead", name="Cleo", email="cleo@acme.test")
    user = town.sees("user", external_id="c-1", merged=["lead", "never seen"])
    assert town.standing()[lead] == user
    card = town.card(lead)
    assert (card["id"], card["name"], card["external_id"]) == (user, "Cleo", "c-1")
    edge = next(edge for edge in card["joins"] if edge["contact_id"] == lead)
    assert (edge["because"], edge["by"]["channel"]) == ("channel", "chat")
    assert town.splits(edge["id"]) == (user, lead)
    assert town.card(user)["name"] is None
    assert town.card(lead)["email"] == "cleo@acme.test"
    # What a person took apart, a channel does not join again.
    town.sees("user", merged=["lead"])
    assert town.standing()[lead] == lead


def test_undoing_gives_back_exactly_what_was(town: Town) -> None:
    one = town.sees("v1", name="Ann", email="ann@acme.test")
    town.edits(one, phone="+353 1 555 0147", custom_tier="gold")
    other = town.sees("v2", "shop", name="Annie", email="annie@acme.test", external_id="a-1")
    town.verifies(other, "external_id")
    town.learns(other, email="third@acme.test")
    before = state(town.card(one)), state(town.card(other))
    join = town.merges(one, other)
    joined = town.card(other)
    assert joined["id"] == one
    assert (joined["email"], joined["phone"]) == ("third@acme.test", "+353 1 555 0147")
    assert town.splits(join) == (one, other)
    assert (state(town.card(one)), state(town.card(other))) == before
    assert town.suggested(one) == []
    with pytest.raises(Conflict, match="undone already"):
        town.splits(join)
    with pytest.raises(NotFound):
        town.splits("jon_" + "0" * 26)


def test_what_comes_after_a_join_goes_with_what_it_came_to(sqlite_town: Town) -> None:
    town = sqlite_town
    one, other = town.sees("v1", name="Ann"), town.sees("v2", "shop", name="Annie")
    join = town.merges(one, other)
    town.sees("v2", "shop", email="annie@acme.test")
    town.learns(other, phone="+353 1 555 0147")
    town.edits(other, custom_tier="gold")  # an edit is of the contact that stands
    card = town.card(one)
    assert (card["email"], card["phone"]) == ("annie@acme.test", "+353 1 555 0147")
    assert card["custom"]["tier"]["value"] == "gold"
    town.splits(join)
    assert (town.card(one)["email"], town.card(one)["phone"]) == (None, None)
    assert town.card(one)["custom"]["tier"]["value"] == "gold"
    card = town.card(other)
    assert (card["email"], card["phone"], card["custom"]) == (
        "annie@acme.test", "+353 1 555 0147", {},
    )  # fmt: skip


def test_joins_are_undone_in_any_order(town: Town) -> None:
    a, b, c, d = (town.sees(f"v{n}", name=f"N{n}") for n in range(4))
    ab = town.merges(a, b)
    cd = town.merges(c, d)
    ac = town.merges(a, c)
    assert set(town.standing().values()) == {a}
    town.splits(cd)
    assert town.standing() == {a: a, b: a, c: a, d: d}
    town.splits(ab)
    assert town.standing() == {a: a, b: b, c: a, d: d}
    town.splits(ac)
    assert town.standing() == {one: one for one in (a, b, c, d)}
    again = town.merges(d, c)
    assert town.splits(again) == (d, c)


def test_a_verified_join_that_was_undone_is_not_made_again(sqlite_town: Town) -> None:
    town = sqlite_town
    one = town.sees("v1", email="ann@acme.test", level="verified")
    other = town.sees("v2", email="ann@acme.test", level="verified")
    (edge,) = town.card(one)["joins"]
    town.splits(edge["id"])
    town.sees("v2", name="Ann", external_id="a-1", level="verified")
    town.verifies(one, "email")
    assert town.standing() == {one: one, other: other}
    assert town.suggested(one) == []
    town.merges(one, other)  # a person may
    assert town.standing() == {one: one, other: one}


def test_a_join_for_other_reasons_shows_customers_nothing(sqlite_town: Town) -> None:
    town = sqlite_town
    one = town.sees("v1", email="ann@acme.test", level="verified")
    other = town.sees("v2", email="ann@acme.test")
    town.merges(one, other)
    assert town.card(other)["id"] == one
    assert town.visible(other) == {other}
    assert town.visible(one) == {one}


def test_two_are_one_already(sqlite_town: Town) -> None:
    town = sqlite_town
    one, other = town.sees("v1"), town.sees("v2")
    town.merges(one, other)
    for act in (town.merges, town.dismisses):
        for pair in ((one, other), (other, one), (one, one)):
            with pytest.raises(Conflict, match="one contact already"):
                act(*pair)
    with pytest.raises(NotFound):
        town.merges(one, "con_" + "0" * 26)


def test_the_history_says_who_changed_what_from_where(town: Town) -> None:
    one = town.sees("v1", name="Ann")
    town.edits(one, name="Ann Acme", email="ann@acme.test")
    town.verifies(one, "email")
    town.learns(one, session="ses_9", **{"custom.order": "1042"})
    other = town.sees("v2", "shop", phone="+353 1 555 0147")
    join = town.merges(one, other)
    town.splits(join)
    told = [
        (line["kind"], line["by"]["kind"], sorted(line["changes"])) for line in town.history(one)
    ]
    assert told == [
        ("split", "operator", ["phone"]),
        ("joined", "operator", ["phone"]),
        ("learned", "ai", ["custom.order"]),
        ("verified", "operator", ["email"]),
        ("edited", "operator", ["email", "name"]),
        ("said", "channel", ["name"]),
    ]
    edited = town.history(one)[4]
    assert edited["changes"]["name"] == {
        "before": {"value": "Ann", "level": "claimed"},
        "after": {"value": "Ann Acme", "level": "claimed"},
    }
    assert edited["by"]["name"] == "Ann"
    assert town.history(one)[2]["by"]["session"] == "ses_9"
    assert [line["kind"] for line in town.history(other)] == ["split", "joined", "said"]


def test_a_word_that_changes_nothing_leaves_no_trace(sqlite_town: Town) -> None:
    town = sqlite_town
    one = town.sees("v1", name="Ann", email="ann@acme.test")
    town.sees("v1", name="Ann", email="ANN@acme.test ")
    town.edits(one, name="Ann")
    town.sees("v1", name="Older", as_of=town.now - 3_600_000_000)
    assert [line["kind"] for line in town.history(one)] == ["said"]
    town.verifies(one, "email")
    town.verifies(one, "email")
    assert len(town.history(one)) == 2


def test_verifying_takes_what_is_shown(sqlite_town: Town) -> None:
    town = sqlite_town
    one = town.sees("v1", email="ann@acme.test")
    with pytest.raises(NotFound, match="no phone"):
        town.verifies(one, "phone")
    with pytest.raises(Conflict, match="another one"):
        town.verifies(one, "email", "old@acme.test")
    town.verifies(one, "email", "Ann@acme.test")
    town.sees("v1", email="later@acme.test")  # claimed: it is kept, and not shown
    card = town.card(one)
    assert (card["email"], card["verified"]) == ("ann@acme.test", True)
    assert card["identities"][0]["said"]["email"]["value"] == "later@acme.test"
    town.edits(one, email="mine@acme.test")
    card = town.card(one)
    assert (card["email"], card["verified"], card["level"]) == ("mine@acme.test", False, "claimed")
    town.sees("v1", email="latest@acme.test")
    assert town.card(one)["email"] == "mine@acme.test"
    town.edits(one, email=None)
    assert town.card(one)["email"] is None


def test_what_the_ai_learns_is_claimed_and_said_once(sqlite_town: Town) -> None:
    town = sqlite_town
    one = town.sees("v1", name="Ann")
    town.learns(one, email=" Ann@Acme.Test", phone="12", name=["no"], **{"custom.n": 4})
    card = town.card(one)
    assert (card["email"], card["phone"], card["name"]) == ("ann@acme.test", None, "Ann")
    assert card["details"]["email"]["level"] == "claimed"
    assert card["details"]["email"]["source"]["session"] == "ses_1"
    town.edits(one, email="corrected@acme.test")
    town.learns(one, email="ann@acme.test")  # the same words again
    assert town.card(one)["email"] == "corrected@acme.test"
    town.learns(one, email="other@acme.test")
    assert town.card(one)["email"] == "other@acme.test"


def test_two_who_come_at_the_same_moment_are_joined(town: Town) -> None:
    """Neither is there for the other when it looks."""
    for round in range(5):
        start = threading.Barrier(2)

        def come(name: str, start: threading.Barrier = start, round: int = round) -> None:
            start.wait()
            town.sees(f"{name}{round}", email=f"same{round}@acme.test", level="verified")

        threads = [threading.Thread(target=come, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(town.standing().values())) == round + 1


def test_a_channel_vouches_for_some_details(sqlite_town: Town) -> None:
    town = sqlite_town
    one = town.sees("v1", email="ann@acme.test", external_id="a-1", verified=["external_id"])
    levels = {name: found["level"] for name, found in town.card(one)["details"].items() if found}
    assert levels == {"email": "claimed", "external_id": "verified"}
    other = town.sees("v9", "shop", external_id="a-1", verified=["external_id"])
    assert town.standing()[other] == one
    # In passing it says the same without vouching for it.
    town.sees("v1", email="ann@acme.test", external_id="a-1")
    assert town.card(one)["details"]["external_id"]["level"] == "verified"
