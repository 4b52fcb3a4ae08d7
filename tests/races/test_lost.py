"""What is never told: the look finds it out, and fails closed (P1, P2; criterion 3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.wake import impatient_redis
from tests.races.moves import ask, back, by_door, calls, last, lines, pushed, said, start
from tests.rig import AOIFE, BOT, MAREK, TEAM, Rig


def lose(it: Rig) -> None:
    """Whatever the channel would tell now gets lost for good."""
    it.standin.notifier.take()


@pytest.mark.parametrize("when", ["before the question", "meanwhile", "after the answer"])
def test_the_assignments_notification_is_lost(on_both: Rig, when: str) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)

    def lost_takeover(turn: object = None) -> None:
        it.advance(1)
        it.world.assign(cid, AOIFE, by=MAREK)
        lose(it)

    if when == "before the question":
        lost_takeover()
    elif when == "meanwhile":
        it.agent.before.append(lost_takeover)
    else:
        it.work("turns")
        lost_takeover()
    it.work("turns", "deliver")
    assert said(it, cid) == ["AI: Where is my order?"]
    assert last(it).state == "cancelled"
    session = it.session(cid)
    assert (session.mode, session.responsible_id) == ("human", str(AOIFE))
    assert session.handover["trigger"] == "assignee"
    assert it.markers(cid) == ["handover", "assigned"]
    assert lines(it, cid)[-1][2] == "discarded"
    it.advance(5)
    ask(it, cid, "Hello?")
    it.settle()
    assert said(it, cid) == ["AI: Where is my order?"]


def test_a_teammates_reply_is_lost(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.advance(1)
    it.world.admin_replies(cid, MAREK, "I know when.")
    lose(it)
    it.work("deliver")
    assert last(it, "answer").state == "cancelled"
    assert said(it, cid) == ["AI: Where is my order?"]
    assert it.session(cid).mode == "human"
    assert ("operator", "I know when.", "sent") in lines(it, cid)
    assert it.world.conversations[cid].holding.admin_id == MAREK  # we told the channel so


def test_the_close_is_lost(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.advance(1)
    it.world.close(cid, AOIFE)
    lose(it)
    it.work("deliver")
    assert last(it).state == "cancelled"
    assert it.session(cid).status == "finished"
    assert said(it, cid) == ["AI: Where is my order?"]


def test_the_read_is_stale_and_the_webhook_is_right(it: Rig) -> None:
    """The webhook told of the takeover; REST still shows the bot. Silence wins."""
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.standin.faults.add("stale_assignee", where="get", count=None)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.hear()
    it.work()
    it.settle()
    assert it.session(cid).mode == "human"
    assert said(it, cid) == ["AI: Where is my order?"]


def test_every_worker_stopped_and_redis_down(on_both: Rig) -> None:
    """P2: the mode has changed when the notification is answered 200, whatever else is dead."""
    it = on_both
    it.parts.waker._redis = impatient_redis("unix:///nowhere/at/all.sock")
    cid = start(it)
    token = it.token()
    it.world.assign(cid, AOIFE, by=MAREK)
    (*_, told) = it.hear()
    assert told.status == 200
    session = it.api("GET", f"/sessions/{it.session(cid).id}", token).json()
    assert session["mode"] == "human"
    assert session["responsible"]["kind"] == "operator"
    assert it.session(cid).mode == "human"


def test_the_look_fails_and_nothing_is_sent(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.standin.faults.add("server_error", where="get", count=5)
    for _ in range(5):
        it.work("deliver")
        assert said(it, cid) == ["AI: Where is my order?"]
        it.advance(2)
    it.work("deliver")
    assert said(it, cid)[1:] == ["AI: And when?"]


def test_our_own_assignment_is_not_taken_for_old_news(make_one: Callable[..., Rig]) -> None:
    """Handed over and back at once: the read that shows what we wanted is not older than it."""
    it = make_one(hand_over_to=f"team:{TEAM}")
    cid = start(it)
    ask(it, cid)
    it.agent.before.append(lambda turn: (by_door(it, cid), back(it, cid)))
    it.advance(30)  # our acts are later than anything the channel knows of
    it.settle()
    for _ in range(40):
        it.advance(2)
        it.work()
    it.settle()
    assert it.session(cid).mode == "ai"
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert ("assignment", "sent") in pushed(it)


def test_a_read_older_than_our_own_assignment_is_read_again(it: Rig) -> None:
    cid = start(it)
    by_door(it, cid)
    it.settle()
    it.advance(5)
    back(it, cid)
    it.settle()
    assert it.world.conversations[cid].holding.admin_id == int(BOT)
    it.advance(5)
    ask(it, cid)
    it.work("turns")
    conversation = it.world.conversations[cid]
    told = conversation.updated_at
    conversation.updated_at = told - 3600
    it.work("deliver")
    assert said(it, cid) == ["AI: Where is my order?"]
    assert last(it).state == "owed"
    conversation.updated_at = told
    it.advance(1)
    it.work("deliver")
    assert said(it, cid)[1:] == ["AI: And when?"]


def test_a_takeover_lost_and_the_return_lost_too(it: Rig) -> None:
    """Both are found by the look: whoever has it now decides, the record tells both."""
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.advance(1)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.advance(1)
    it.world.assign(cid, BOT, by=AOIFE)
    lose(it)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert it.markers(cid) == ["handover", "assigned", "returned"]
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert calls(it, "reply")
