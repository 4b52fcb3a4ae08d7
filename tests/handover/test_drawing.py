"""The page about who is in charge is what the code says, and what the code does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.events import NOBODY, Actor, Fact, ResponsibleSet
from gateway.handover import TABLE, Input, Move, State
from gateway.handover.drawing import INPUTS, LEADS_TO, MOVES, STATES, STEPS, page
from gateway.ladder import LADDER, NATIVE_LADDER, WaitStep
from tests.handover.facts import (
    AI,
    AOIFE,
    BOT,
    CUSTOMER,
    FIN,
    MAREK,
    TO_AOIFE,
    TO_MAREK,
    assigns,
    at,
    closes,
    copilot,
    hands_back,
    hands_over,
    says,
    told,
)

PAGE = Path(__file__).parents[2] / "docs" / "handover.md"


def test_the_page_is_what_the_code_draws() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m gateway.handover.drawing > docs/handover.md"
    )


def test_everything_has_its_words() -> None:
    for words, names in ((STATES, State), (INPUTS, Input), (MOVES, Move), (STEPS, WaitStep)):
        assert list(words) == list(get_args(names))
    assert set(LEADS_TO) == set(get_args(Move))


def test_the_diagrams_show_every_way_and_every_rung() -> None:
    drawn = page()
    for state, row in TABLE.items():
        for meant, move in row.items():
            for after in LEADS_TO[move]:
                if after != state:
                    (line,) = [
                        one for one in drawn.splitlines() if f" {state} --> {after}: " in one
                    ]
                    assert meant in line.split(": ")[1].split(", ")
    assert drawn.count("_0[") + drawn.count("_1[") + drawn.count("_2[") + drawn.count("_3[") == (
        len(LADDER) + len(NATIVE_LADDER)
    )


def sets(how: Any) -> ResponsibleSet:
    by = Actor(kind="operator", id="opr_sam", name="Sam")
    to = NOBODY if how == "released" else TO_MAREK
    return ResponsibleSet(
        conversation="1", id="act9", at=at(9, number=-1), how=how, to=to, name="Marek", by=by
    )


BEFORE: dict[State, list[Fact]] = {
    "none": [],
    "ai": [says(1)],
    "human": [says(1), assigns(2, TO_AOIFE)],
    "copilot": [says(1), copilot(2)],
    "finished": [says(1), closes(2)],
}
MEANS: dict[Input, tuple[Fact, dict[str, Any]]] = {
    "customer_spoke": (says(9, CUSTOMER), {}),
    "operator_spoke": (says(9, MAREK), {"takeover_on_reply": False}),
    "operator_took_over": (says(9, AOIFE), {}),
    "ai_spoke": (says(9, AI), {}),
    "other_bot_spoke": (says(9, FIN), {}),
    "to_ai": (assigns(9, BOT), {"native_assignment": False}),
    "to_person": (assigns(9, TO_MAREK), {}),
    "to_nobody": (assigns(9, NOBODY), {}),
    "handed_over": (hands_over(9), {}),
    "handed_back": (hands_back(9), {}),
    "person_set": (sets("accepted"), {}),
    "released": (sets("released"), {}),
    "copilot_on": (copilot(9), {}),
    "copilot_off": (copilot(9, on=False), {}),
    "ended": (closes(9), {}),
    "aside": (says(9, Actor(kind="system")), {}),
}


@pytest.mark.parametrize("state", BEFORE)
@pytest.mark.parametrize("meant", MEANS)
def test_the_arrows_are_what_the_fold_does(state: State, meant: Input) -> None:
    fact, policy = MEANS[meant]
    after = told(*BEFORE[state], fact, **policy).thread.state
    assert after in (LEADS_TO[TABLE[state][meant]] or (state,))
