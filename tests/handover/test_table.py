"""The table: total, and every state within reach."""

from __future__ import annotations

from typing import get_args

import pytest

from gateway.events import NOBODY, Fact
from gateway.handover import TABLE, Input, Move, State
from tests.handover.facts import (
    AI,
    AOIFE,
    BOT,
    FIN,
    TO_AOIFE,
    assigns,
    closes,
    copilot,
    hands_back,
    hands_over,
    notes,
    says,
    told,
)


def test_every_state_meets_every_input() -> None:
    assert set(TABLE) == set(get_args(State))
    for state, row in TABLE.items():
        assert set(row) == set(get_args(Input)), state
        assert set(row.values()) <= set(get_args(Move)), state


def test_every_move_is_made_somewhere() -> None:
    assert {move for row in TABLE.values() for move in row.values()} == set(get_args(Move))


def test_every_state_is_reached_from_none() -> None:
    ways: list[Fact] = [says(1), says(2, AOIFE), assigns(3, TO_AOIFE), copilot(4), closes(5)]
    reached: set[State] = {"none"}
    for count in range(len(ways) + 1):
        reached.add(told(*ways[:count]).thread.state)
    reached.add(told(says(1)).thread.state)
    reached.add(told(says(1), copilot(2)).thread.state)
    assert reached == set(get_args(State))


def test_nothing_but_the_next_words_of_a_customer_leaves_finished() -> None:
    row = dict(TABLE["finished"])
    assert row.pop("customer_spoke") == "open"
    assert set(row.values()) == {"stay"}


def test_only_a_person_or_the_assignee_puts_the_ai_in_charge() -> None:
    states: tuple[State, ...] = ("human", "copilot")
    for state in states:
        back = {meant for meant, move in TABLE[state].items() if move == "give_back"}
        assert back == {"to_ai", "handed_back"}


# Each fact in each state; what the mode is after it. The table as behaviour, not as data.
BEFORE: dict[State, list[Fact]] = {
    "none": [],
    "ai": [says(1)],
    "human": [says(1), assigns(2, TO_AOIFE)],
    "copilot": [says(1), copilot(2)],
    "finished": [says(1), closes(2)],
}
EXPECTED: list[tuple[Fact, dict[State, State]]] = [
    (says(9), {"none": "ai", "finished": "ai"}),
    (says(9, AOIFE), {"none": "human", "ai": "human"}),
    (says(9, AI), {}),
    (says(9, FIN), {}),
    (notes(9), {}),
    (assigns(9, BOT), {"human": "ai"}),
    (assigns(9, TO_AOIFE), {"ai": "human", "copilot": "human"}),
    (assigns(9, NOBODY), {}),
    (hands_over(9), {"ai": "human", "copilot": "human"}),
    (hands_back(9), {"human": "ai", "copilot": "ai"}),
    (copilot(9), {"ai": "copilot", "human": "copilot"}),
    (copilot(9, on=False), {"copilot": "human"}),
    (closes(9), {"ai": "finished", "human": "finished", "copilot": "finished"}),
]


@pytest.mark.parametrize("state", BEFORE)
@pytest.mark.parametrize(("fact", "after"), EXPECTED)
def test_each_fact_in_each_state(state: State, fact: Fact, after: dict[State, State]) -> None:
    assert told(*BEFORE[state], fact).thread.state == after.get(state, state)
