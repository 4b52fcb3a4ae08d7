"""Copilot: drafts are for a state of the talk, and never reach the customer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.conversations import doors
from gateway.conversations.doors import Caller
from tests.races.moves import ask, back, by_webhook, once, pushed, said, start
from tests.rig import AOIFE, MAREK, Rig

AOIFE_HERE = Caller(id="opr_aoife", name="Aoife", role="operator", as_operator=str(AOIFE))


def switch(it: Rig, cid: str, on: bool = True) -> None:
    it.act(doors.set_copilot, it.session(cid).id, AOIFE_HERE, on=on)


def drafts(it: Rig, cid: str) -> list[tuple[str, str]]:
    return [(m.text, m.state) for m in it.history(cid, "draft")]


def test_drafts_are_notes(it: Rig) -> None:
    cid = start(it)
    switch(it, cid)
    it.settle()
    it.advance(5)
    ask(it, cid)
    it.settle()
    assert it.session(cid).mode == "copilot"
    assert drafts(it, cid) == [("AI: And when?", "sent")]
    assert len(said(it, cid)) == 1
    assert it.world.conversations[cid].holding.admin_id == AOIFE
    assert it.session(cid).responsible_id == str(AOIFE)


@pytest.mark.parametrize("who", ["a teammate", "the customer"])
def test_somebody_speaks_while_the_draft_is_written(on_both: Rig, who: str) -> None:
    it = on_both
    cid = start(it)
    switch(it, cid)
    it.settle()
    it.advance(5)
    ask(it, cid)

    def speak(turn: object) -> None:
        it.advance(1)
        if who == "a teammate":
            it.world.admin_replies(cid, AOIFE, "Tomorrow.")
        else:
            it.world.customer_replies(cid, "And where?")
        it.hear()

    it.agent.before.append(speak)
    it.settle()
    assert it.session(cid).mode == "copilot"
    discarded = [m for m in it.history(cid) if m.state == "discarded"]
    assert [m.text for m in discarded] == ["AI: And when?"]
    assert drafts(it, cid) == ([] if who == "a teammate" else [("AI: And where?", "sent")])
    assert len(said(it, cid)) == 1


def test_switched_on_while_an_answer_is_thought_out(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.agent.before.append(lambda turn: switch(it, cid))
    it.settle()
    assert len(said(it, cid)) == 1
    assert it.session(cid).mode == "copilot"
    assert it.turns()[-1].cause == "draft" or it.turns()[-1].state == "discarded"


@pytest.mark.parametrize("hook", ["after_read", "before_effect"])
def test_switched_on_while_an_answer_is_delivered(it: Rig, hook: str) -> None:
    cid = start(it)
    ask(it, cid, "And when?", "On Monday.", "By post.")
    it.work("turns")
    kind = "get" if hook == "after_read" else "reply"
    struck = once(it, hook, kind, lambda: switch(it, cid))
    it.settle()
    assert struck
    assert said(it, cid)[1:] == ([] if hook == "after_read" else ["On Monday."])
    assert it.session(cid).mode == "copilot"
    overlapped = [push.overlapped for push in it.pushes() if push.role == "answer"]
    assert overlapped == [False, hook == "before_effect", False]


def test_switched_off_while_a_draft_is_written(it: Rig) -> None:
    cid = start(it)
    switch(it, cid)
    it.settle()
    it.advance(5)
    ask(it, cid)
    it.agent.before.append(lambda turn: switch(it, cid, on=False))
    it.settle()
    assert it.session(cid).mode == "human"
    assert drafts(it, cid) == []
    assert pushed(it, "draft") == []


@pytest.mark.parametrize("how", [by_webhook, back])
def test_changed_while_a_draft_is_owed(it: Rig, how: Callable[[Rig, str], object]) -> None:
    """Assigned to another, or given back: the draft was for somebody who is not there now."""
    cid = start(it)
    switch(it, cid)
    it.settle()
    it.advance(5)
    ask(it, cid)
    it.work("turns")
    assert pushed(it, "draft") == [("draft", "owed")]
    if how is by_webhook:
        it.world.assign(cid, MAREK, by=AOIFE)
        it.hear()
    else:
        how(it, cid)
    it.settle()
    assert pushed(it, "draft") == [("draft", "cancelled")]
    assert it.session(cid).mode == ("human" if how is by_webhook else "ai")
    assert said(it, cid)[1:] == ([] if how is by_webhook else ["AI: And when?"])


def test_drafts_stay_here_where_the_channel_is_not_to_show_them(
    make_one: Callable[..., Rig],
) -> None:
    it = make_one(drafts="none")
    cid = start(it)
    switch(it, cid)
    it.settle()
    it.advance(5)
    ask(it, cid)
    it.settle()
    assert drafts(it, cid) == [("AI: And when?", "received")]
    assert [part.part_type for part in it.world.conversations[cid].parts].count("note") == 0
