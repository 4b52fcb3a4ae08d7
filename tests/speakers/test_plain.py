"""Rules and the loop guard where the channel has no assignees: delivery is our own commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.conversations.guard import LOOP
from gateway.events import Answer
from gateway.rules import HandoverRule
from tests.desk import Desk, desk
from tests.speakers.test_guard import RECEIPT


@pytest.fixture
def make_desk(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    with ExitStack() as stack:

        def make(**rules: Any) -> Desk:
            return stack.enter_context(desk(migrated_sqlite_url, tmp_path, **rules))

        yield make


def handover(it: Desk, sid: str) -> tuple[str, str, str]:
    row = it.session(sid)
    return row.mode, row.handover["trigger"], row.handover["reason"]


def test_the_customer_asks_for_a_person(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(handover_rules=(HandoverRule(phrases=("a human",), reason="Asked."),))
    sid = it.says("Hello")
    it.work()
    it.advance(5)
    it.says("Is there A HUMAN?")
    it.work()
    assert handover(it, sid) == ("human", "rule", "Asked.")
    assert len(it.agent.turns) == 1
    assert it.words(sid)[:3] == ["Hello", "AI: Hello", "Is there A HUMAN?"]


def test_a_result_beyond_its_limit(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(handover_rules=(HandoverRule(result="refund", above=500.0),))
    it.agent.next.append(Answer(messages=["Not mine to decide."], results={"refund": 640}))
    sid = it.says("640 EUR back!")
    it.work()
    assert handover(it, sid) == ("human", "rule", "refund is above 500")
    assert it.words(sid)[:2] == ["640 EUR back!", "Not mine to decide."]


def test_two_machines(make_desk: Callable[..., Desk]) -> None:
    it = make_desk()
    sid = ""
    for number in range(50):
        it.agent.next = [Answer(messages=[f"Answer {number}."])]
        sid = it.says(RECEIPT)
        it.work()
        it.advance(30)
        if it.session(sid).mode == "human":
            break
    assert handover(it, sid) == ("human", "rule", LOOP)
    assert len(it.agent.turns) == 5
