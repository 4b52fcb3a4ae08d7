"""The team that a conversation stands in: it stays with a teammate, and when the teammate goes."""

from __future__ import annotations

from gateway.events import NOBODY, STEP_SEEN, Assignee, AssigneeSeen, Fact
from gateway.handover import apply, fold, is_idle
from gateway.policy import Policy
from tests.handover.facts import AOIFE, BOT, TEAM, TO_AOIFE, assigns, at, says


def seen(second: int, assignee: Assignee, *, read: bool = False) -> AssigneeSeen:
    return AssigneeSeen(
        conversation="1", id=f"s{second}{assignee.kind}", at=at(second, STEP_SEEN),
        assignee=assignee, read=read,
    )  # fmt: skip


def mode_after(*facts: Fact) -> str:
    run = fold(facts, Policy()).thread.run
    assert run is not None
    return run.mode


TO_AI_IN_TEAM = (says(1), assigns(2, TEAM, AOIFE), assigns(3, BOT, AOIFE))


def test_a_team_that_remains_after_unassigning_does_not_matter() -> None:
    facts = (*TO_AI_IN_TEAM, assigns(4, NOBODY, AOIFE))
    assert mode_after(*facts) == "ai"
    assert mode_after(*facts, seen(5, TEAM)) == "ai"
    assert mode_after(*facts, seen(5, TEAM, read=True)) == "ai"


def test_another_team_does() -> None:
    other = Assignee(kind="team", id="8")
    facts = (*TO_AI_IN_TEAM, assigns(4, NOBODY, AOIFE))
    assert mode_after(*facts, seen(5, other)) == "human"


def test_assigning_the_team_that_remains_is_an_act() -> None:
    facts = (*TO_AI_IN_TEAM, assigns(4, NOBODY, AOIFE))
    assert mode_after(*facts, assigns(5, TEAM, AOIFE)) == "human"


def test_a_team_of_the_ai_that_remains_gives_nothing_back() -> None:
    of_ai = Assignee(kind="ai", team="7")
    facts: tuple[Fact, ...] = (says(1), assigns(2, of_ai, AOIFE), assigns(3, TO_AOIFE, AOIFE))
    facts += (assigns(4, NOBODY, AOIFE),)
    assert mode_after(*facts, seen(5, of_ai, read=True)) == "human"


def test_a_snapshot_of_the_bot_is_idle_once_the_assignee_is_known() -> None:
    thread = fold((says(1), assigns(2, BOT, AOIFE)), Policy()).thread
    assert is_idle(seen(3, BOT), thread)
    assert is_idle(seen(3, NOBODY), thread)
    assert apply(thread, seen(3, BOT), Policy()).thread.run == thread.run
    assert not is_idle(seen(3, TO_AOIFE), thread)
    assert not is_idle(seen(3, NOBODY, read=True), thread)
    assert not is_idle(seen(1, BOT), thread)
    assert not is_idle(seen(3, BOT), fold((says(1),), Policy()).thread)
