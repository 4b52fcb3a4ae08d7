"""Late arrivals, one by one: each story is heard in every order, and every delivery twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.clock import MovableClock
from gateway.store.models import ChatSession
from tests.order.gateways import Gateway, Item, gateways
from tests.order.ledgers import same_ledger
from tests.order.profile import EXPLORING
from tests.order.town import Town, fresh_clock
from tests.rig import AOIFE, BOT, MAREK, TEAM

Story = Callable[[Town], list[Item]]


@pytest.fixture
def clock() -> MovableClock:
    return fresh_clock()


@pytest.fixture
def pair(
    two_sqlite_urls: list[str], tmp_path: Path, clock: MovableClock
) -> Iterator[list[Gateway]]:
    with gateways(two_sqlite_urls, tmp_path, clock, hand_over_to=f"team:{TEAM}") as made:
        yield made


def starts(town: Town) -> tuple[str, list[Item]]:
    items = town.happens("customer_starts", "Where is my order?", name="Cleo")
    said = [item for item in items if getattr(item, "topic", "") == "conversation.user.created"]
    return town.conversations[-1], said


def assigned_before_the_message(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.happens("assign", cid, AOIFE, by=MAREK)
    town.passes(5)
    return items + town.happens("customer_replies", cid, "Hello?")


def closed_before_the_message(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.happens("customer_replies", cid, "Well?")
    town.passes(5)
    return items + town.happens("close", cid, AOIFE, text="Bye")


def reopened_by_staff_then_by_the_customer(town: Town) -> list[Item]:
    cid, items = starts(town)
    for operation, *args in (("close", AOIFE), ("open", AOIFE), ("customer_replies", "Again")):
        town.passes(5)
        items += town.happens(operation, cid, *args)
    return items


def two_sessions_and_a_person_in_between(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.happens("close", cid, AOIFE)
    town.passes(5)
    items += town.happens("customer_replies", cid, "One more thing")
    town.passes(5)
    items += town.happens("customer_replies", cid, "And another")
    town.passes(5)
    return items + town.happens("close", cid, MAREK)


def everything_in_one_second(town: Town) -> list[Item]:
    cid, items = starts(town)
    items += town.happens("assign", cid, f"team:{TEAM}", by=AOIFE)[:1]
    items += town.happens("customer_replies", cid, "Hello?")
    items += town.happens("admin_replies", cid, MAREK, "Hello.")[:1]
    return items + town.happens("assign", cid, BOT, by=MAREK)[:1]


def one_part_under_two_topics_with_a_stale_assignee(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.happens("assign", cid, AOIFE, by=MAREK)[:1]
    town.passes(5)
    back = town.happens("assign", cid, BOT, by=MAREK, stale=True)
    assert len(back) == 2
    town.passes(5)
    return items + back + town.happens("customer_replies", cid, "Hello?", stale=True)


def a_reply_that_assigns_and_a_stale_one_after_it(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.happens("admin_replies", cid, AOIFE, "I take it.")
    town.passes(5)
    return items + town.happens("customer_replies", cid, "Thanks!", stale=True)


def handed_over_here_and_settled_there(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.acts("hand_over", cid, reason="refund", link="")
    town.passes(5)
    items += town.posts(cid)[:2]
    town.passes(5)
    return items + town.happens("assign", cid, AOIFE, by=AOIFE)[:1]


def handed_back_here_while_a_person_takes_it_there(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.happens("assign", cid, AOIFE, by=AOIFE)[:1]
    town.passes(5)
    items += town.acts("hand_back", cid)
    items += town.happens("assign", cid, MAREK, by=MAREK)[:1]
    return items + town.reads(cid)


def copilot_settled_after_a_hand_back(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.acts("set_copilot", cid, on=True)
    items += town.posts(cid)[:1]
    town.passes(5)
    items += town.acts("hand_back", cid)
    return items + town.posts(cid)[:2]


def a_takeover_comes_to_light_behind_the_copilot(town: Town) -> list[Item]:
    # The marker of our settled assignment names who handed over: that may be learnt late.
    cid, items = starts(town)
    town.passes(5)
    items += town.happens("assign", cid, MAREK, by=MAREK)[:1]
    town.passes(5)
    items += town.acts("set_copilot", cid, on=True)
    return items + town.posts(cid)[:1]


def read_between_two_sessions(town: Town) -> list[Item]:
    cid, items = starts(town)
    for operation, *args in (("close", AOIFE), ("customer_replies", "Again"), ("close", AOIFE)):
        town.passes(5)
        items += town.happens(operation, cid, *args)
    return items + town.reads(cid)


def deleted_while_somebody_wrote(town: Town) -> list[Item]:
    cid, items = starts(town)
    town.passes(5)
    items += town.happens("customer_replies", cid, "Forget me")
    return items + town.happens("delete_conversation", cid)


STORIES: list[Story] = [
    assigned_before_the_message,
    closed_before_the_message,
    reopened_by_staff_then_by_the_customer,
    two_sessions_and_a_person_in_between,
    everything_in_one_second,
    one_part_under_two_topics_with_a_stale_assignee,
    a_reply_that_assigns_and_a_stale_one_after_it,
    handed_over_here_and_settled_there,
    handed_back_here_while_a_person_takes_it_there,
    copilot_settled_after_a_hand_back,
    a_takeover_comes_to_light_behind_the_copilot,
    read_between_two_sessions,
    deleted_while_somebody_wrote,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_order(pair: list[Gateway], clock: MovableClock, story: Story) -> None:
    first, second = pair
    items = story(Town(first, clock))
    first.forget()
    for item in items:
        item.reach(first)
    expected = first.ledger()
    assert expected["sessions"]
    for order in orders_of(items):
        second.forget()
        for index, item in enumerate(order):
            item.reach(second)
            order[index // 2].reach(second)  # and something known once more
        same_ledger(expected, second.ledger(), about=" ".join(map(repr, order)))


def orders_of(items: list[Item]) -> list[tuple[Item, ...]]:
    """Every order, or, of a long story (unless we explore), the reverse and a fixed choice."""
    orders = list(permutations(items))
    if len(orders) <= 24 or EXPLORING:
        return orders
    return [orders[-1], *random.Random(len(orders)).sample(orders, 30)]


def test_a_session_keeps_its_id_when_an_earlier_opener_comes_to_light(
    pair: list[Gateway], clock: MovableClock
) -> None:
    items = two_sessions_and_a_person_in_between(Town(pair[0], clock))
    second = pair[1]
    start, close, one, other, _ = items
    for item in (start, close, other):
        item.reach(second)
    before = session_ids(second)
    one.reach(second)
    assert len(before) == 2
    assert session_ids(second) == before


def test_a_session_keeps_its_id_when_a_late_close_splits_it(
    pair: list[Gateway], clock: MovableClock
) -> None:
    items = two_sessions_and_a_person_in_between(Town(pair[0], clock))
    second = pair[1]
    start, close, one, other, _ = items
    for item in (start, one, other):
        item.reach(second)
    before = session_ids(second)
    close.reach(second)
    assert len(before) == 1
    assert session_ids(second)[0] == before[0]
    assert len(session_ids(second)) == 2


def session_ids(gateway: Gateway) -> list[str]:
    rows = gateway.rows(
        select(ChatSession.id).order_by(ChatSession.opened_at, ChatSession.opened_number)
    )
    return [row.id for row in rows]
