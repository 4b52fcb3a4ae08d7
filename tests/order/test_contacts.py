"""Whose conversation it is, in any order. Details of one second are as the last report has them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import MovableClock
from tests.order.gateways import Gateway, Item, gateways
from tests.order.ledgers import same_ledger
from tests.order.town import Town, fresh_clock
from tests.rig import AOIFE


@pytest.fixture
def clock() -> MovableClock:
    return fresh_clock()


@pytest.fixture
def pair(
    two_sqlite_urls: list[str], tmp_path: Path, clock: MovableClock
) -> Iterator[list[Gateway]]:
    with gateways(two_sqlite_urls, tmp_path, clock) as made:
        yield made


def any_order(pair: list[Gateway], items: list[Item]) -> None:
    first, second = pair
    for order in permutations(items):
        second.forget()
        for item in order:
            item.reach(second)
        same_ledger(first.ledger(), second.ledger(), about=" ".join(map(repr, order)))


def contact_of(town: Town, conversation: str) -> Any:
    return town.world.conversations[conversation].contact


def test_details_that_change_from_second_to_second(
    pair: list[Gateway], clock: MovableClock
) -> None:
    town = Town(pair[0], clock)
    items = town.happens("customer_starts", "Hi", name="Cleo")
    town.passes(5)
    items += town.happens("update_contact", contact_of(town, town.conversations[0]).id, name="Cléo")
    town.passes(5)
    items += town.happens("customer_replies", town.conversations[0], "It is me")
    any_order(pair, items)


def test_two_customers_stay_apart(pair: list[Gateway], clock: MovableClock) -> None:
    town = Town(pair[0], clock)
    items = town.happens("customer_starts", "Hi", name="Cleo")
    items += town.happens("customer_starts", "Hello", name="Dara")
    any_order(pair, items)
    assert len(pair[1].ledger()["contacts"]) == 2


def test_a_merge_that_does_not_name_the_lead(pair: list[Gateway], clock: MovableClock) -> None:
    town = Town(pair[0], clock)
    items = town.happens("customer_starts", "Hi", name="Cleo")[-1:]
    cid = town.conversations[0]
    user = town.world.add_contact("Cleo", external_id="c-1", tell=False).contact
    town.passes(5)
    items += town.happens("merge_contacts", contact_of(town, cid).id, user.id)
    town.passes(5)
    items += town.happens("customer_replies", cid, "Now signed in")
    any_order(pair, items)


def test_somebody_attached_later_does_not_take_the_conversation(
    pair: list[Gateway], clock: MovableClock
) -> None:
    town = Town(pair[0], clock)
    town.happens("customer_starts", "Hi", name="Cleo", email="cleo@acme.example")
    cid = town.conversations[0]
    other = town.world.add_contact("Dara", external_id="d-1").contact
    town.passes(5)
    town.happens("attach_contact", cid, other.id)
    town.passes(5)
    town.happens("admin_replies", cid, AOIFE, "Welcome, both of you.")
    owners = [one["ids"] for one in pair[0].ledger()["contacts"] if one["conversations"]]
    assert owners == [[(contact_of(town, cid).id, False)]]
