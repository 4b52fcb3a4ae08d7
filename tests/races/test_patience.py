"""How long we try, and that giving up never leaves a customer without an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.conversations import doors
from gateway.conversations.doors import Caller
from intercom_standin.gate import ApiError
from tests.races.moves import ask, last, lines, pushed, said, start
from tests.rig import AOIFE, Rig

AOIFE_HERE = Caller(id="opr_aoife", name="Aoife", role="operator", as_operator=str(AOIFE))


def spend(it: Rig, seconds: float, step: float = 2) -> None:
    for _ in range(int(seconds / step)):
        it.advance(step)
        it.work("deliver")


@pytest.mark.parametrize(
    ("where", "fault"),
    [("reply", "rate_limited"), ("get", "rate_limited"), ("get", "server_error")],
)
def test_a_minute_of_trying_then_a_person(it: Rig, where: str, fault: str) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.standin.faults.add(fault, where=where, count=None)
    it.work("deliver")
    spend(it, 56, step=4)
    assert last(it).state == "owed"
    assert it.session(cid).mode == "ai"
    spend(it, 76, step=4)
    assert last(it).state == "failed"
    assert lines(it, cid)[-1] == ("ai", "AI: And when?", "failed")
    session = it.session(cid)
    assert (session.mode, session.handover["trigger"]) == ("human", "fault")
    it.standin.faults.clear()
    spend(it, 72, step=12)
    it.settle()
    assert said(it, cid) == ["AI: Where is my order?"]
    assert ("note", "sent") in pushed(it)
    assert not [p for p in it.pushes() if p.state in ("owed", "sending", "unknown")]


def test_trouble_that_passes_within_the_minute_is_forgiven(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.standin.faults.add("unavailable", where="get", count=None)
    it.work("deliver")
    spend(it, 58)
    it.standin.faults.clear()
    spend(it, 2)
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert it.session(cid).mode == "ai"


def test_time_in_doubt_is_not_time_of_trying(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.standin.faults.add("timeout_before", where="reply", count=3)
    it.work("deliver")
    spend(it, 110, step=10)
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert last(it).tries == 4
    assert it.session(cid).mode == "ai"


def test_a_permanent_error_fails_at_once_and_the_next_one_goes_on(it: Rig) -> None:
    cid = start(it)
    session = it.session(cid).id
    for text in ("First.", "Second."):
        it.act(doors.write_message, session, AOIFE_HERE, text=text)

    def refuse(call: Any) -> None:
        if call.kind == "reply" and "First." in call.body["body"]:
            raise ApiError(400, "parameter_invalid", "not this one")

    it.standin.faults.hooks.before_effect = refuse
    it.settle()
    assert pushed(it, "operator") == [("operator", "failed"), ("operator", "sent")]
    assert [m[1:] for m in lines(it, cid)][-2:] in (
        [("First.", "failed"), ("Second.", "sent")],
        [("Second.", "sent"), ("First.", "failed")],
    )
    assert it.session(cid).mode == "human"


def test_of_a_refused_answer_nothing_more_is_said(it: Rig) -> None:
    cid = start(it)
    ask(it, cid, "And when?", "First.", "Second.")

    def refuse(call: Any) -> None:
        if call.kind == "reply" and "First." in call.body["body"]:
            raise ApiError(422, "parameter_invalid", "not this one")

    it.standin.faults.hooks.before_effect = refuse
    it.settle()
    assert pushed(it, "answer")[1:] == [("answer", "failed"), ("answer", "cancelled")]
    assert said(it, cid) == ["AI: Where is my order?"]
    assert it.session(cid).handover["trigger"] == "fault"


def test_an_operators_words_are_tried_for_ten_minutes(make_one: Callable[..., Rig]) -> None:
    it = make_one()
    cid = start(it)
    it.standin.faults.add("rate_limited", where="reply", count=None)
    it.act(doors.write_message, it.session(cid).id, AOIFE_HERE, text="I am here.")
    it.work("deliver")
    for _ in range(9):
        it.advance(60)
        it.work("deliver")
    assert last(it, "operator").state == "owed"
    it.advance(90)
    it.work("deliver")
    assert last(it, "operator").state == "failed"
    assert lines(it, cid)[-1] == ("operator", "I am here.", "failed")
    assert it.session(cid).mode == "human"
