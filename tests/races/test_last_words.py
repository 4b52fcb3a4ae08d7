"""Last words: the one thing the AI says after a handover, unless a person was there first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.events import Answer, HandoverRequest
from tests.races.moves import ask, back, calls, last, lines, once, pushed, said, start
from tests.rig import AOIFE, BOT, TEAM, Rig

PASS_ON = Answer(
    messages=["I cannot decide that.", "A colleague can."],
    handover=HandoverRequest(trigger="automatic", reason="refund", summary="Wants 600 EUR."),
)


@pytest.fixture
def it(make_one: Callable[..., Rig]) -> Rig:
    return make_one(
        hand_over_to=f"team:{TEAM}", agent_rules={"handover_message": "Somebody is coming."}
    )


def hand_over_by_agent(it: Rig) -> str:
    cid = start(it)
    it.agent.next.append(PASS_ON)
    ask(it, cid, "600 EUR, please")
    it.work("turns")
    it.standin.requests.clear()
    return cid


def test_in_order(it: Rig) -> None:
    cid = hand_over_by_agent(it)
    assert it.session(cid).mode == "human"
    it.settle()
    assert [call.kind for call in calls(it, "reply", "note", "assign")] == [
        "reply", "reply", "note", "reply", "assign",
    ]  # fmt: skip
    assert said(it, cid)[1:] == [
        "I cannot decide that.", "A colleague can.", "Somebody is coming.",
    ]  # fmt: skip
    assert pushed(it, "last_words") == [("last_words", "sent")] * 2
    assert it.session(cid).handover["trigger"] == "automatic"
    assert not any(push.overlapped for push in it.pushes())


@pytest.mark.parametrize("told", ["by webhook", "by the look"])
def test_a_person_was_there_first(it: Rig, told: str) -> None:
    cid = hand_over_by_agent(it)
    it.advance(1)
    it.world.assign(cid, AOIFE, by=AOIFE)
    if told == "by webhook":
        it.hear()
    else:
        it.standin.notifier.take()
    it.settle()
    assert pushed(it, "last_words") == [("last_words", "cancelled")] * 2
    assert pushed(it, "assignment") == [("assignment", "cancelled")]
    assert len([words for words in said(it, cid) if words in PASS_ON.messages]) == 0
    assert pushed(it, "note") == [("note", "sent")]
    assert it.session(cid).responsible_id == str(AOIFE)


def test_a_person_comes_between_two_last_words(it: Rig) -> None:
    cid = hand_over_by_agent(it)

    def come() -> None:
        it.advance(1)
        it.world.assign(cid, AOIFE, by=AOIFE)
        it.hear()

    once(it, "after_effect", "reply", come)
    it.settle()
    assert pushed(it, "last_words") == [("last_words", "sent"), ("last_words", "cancelled")]
    assert "A colleague can." not in said(it, cid)
    assert ("ai", "A colleague can.", "discarded") in lines(it, cid)


def test_given_back_before_the_last_words(it: Rig) -> None:
    """They were said for a handover that is over."""
    cid = hand_over_by_agent(it)
    back(it, cid)
    it.settle()
    assert pushed(it, "last_words") == [("last_words", "cancelled")] * 2
    assert pushed(it, "notice", "assignment")[:2] == [
        ("notice", "cancelled"), ("assignment", "cancelled"),
    ]  # fmt: skip
    assert it.session(cid).mode == "ai"
    assert it.world.conversations[cid].holding.admin_id == int(BOT)


def test_taken_over_while_that_answer_was_thought_out(it: Rig) -> None:
    cid = start(it)

    def come(turn: object) -> None:
        it.world.assign(cid, AOIFE, by=AOIFE)
        it.hear()

    it.agent.before.append(come)
    it.agent.next.append(PASS_ON)
    ask(it, cid)
    it.settle()
    assert said(it, cid) == ["AI: Where is my order?"]
    assert pushed(it) == [("answer", "sent")]
    assert [m[2] for m in lines(it, cid)][-2:] == ["discarded", "discarded"]
    assert it.session(cid).handover["trigger"] == "assignee"


def test_last_words_in_a_conversation_that_nobody_holds(make_one: Callable[..., Rig]) -> None:
    """Where nobody holds it, the seat's own words assign it to the seat: no return to the AI."""
    it = make_one(agent_rules={"handover_message": "Somebody is coming."})
    cid = str(it.world.customer_starts("600 EUR, please", name="Cleo").conversation.id)
    it.agent.next.append(PASS_ON)
    it.settle()
    it.advance(5)
    it.settle()
    session = it.session(cid)
    assert (session.mode, session.responsible_kind) == ("human", "unassigned")
    assert it.world.conversations[cid].holding.admin_id is None
    ask(it, cid, "Hello?")
    it.settle()
    assert it.session(cid).mode == "human"
    assert len(it.agent.turns) == 1


@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before"])
def test_last_words_in_doubt_hold_the_rest_back(it: Rig, fault: str) -> None:
    cid = hand_over_by_agent(it)
    it.standin.faults.add(fault, where="reply")
    it.work("deliver")
    assert it.session(cid).mode == "human"
    assert calls(it, "note", "assign") == []
    for _ in range(5):
        it.advance(10)
        it.work("deliver")
    it.settle()
    assert said(it, cid)[1:] == [
        "I cannot decide that.", "A colleague can.", "Somebody is coming.",
    ]  # fmt: skip
    assert last(it, "assignment").state == "sent"


def test_a_refused_handover_is_recorded_and_its_words_are_said(
    make_one: Callable[..., Rig],
) -> None:
    it = make_one(agent_rules={"allow_handover": False})
    cid = hand_over_by_agent(it)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert said(it, cid)[1:] == list(PASS_ON.messages)
    assert "handover refused" in it.turns()[-1].why
    assert it.markers(cid) == []


def test_the_customer_writes_while_the_last_words_go_out(it: Rig) -> None:
    cid = hand_over_by_agent(it)
    once(it, "before_effect", "reply", lambda: ask(it, cid, "Hurry!"))
    it.settle()
    assert len(it.agent.turns) == 2
    assert it.session(cid).mode == "human"
    assert pushed(it, "last_words") == [("last_words", "sent")] * 2
