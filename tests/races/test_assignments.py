"""A supervisor's assignment against ours: ours is fenced, and the later will wins."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from gateway.errors import Conflict
from tests.races.moves import Gate, Meanwhile, ask, back, by_door, last, once, pushed, said, start
from tests.rig import AOIFE, BOT, MAREK, TEAM, Rig


@pytest.fixture
def it(make_one: Callable[..., Rig]) -> Rig:
    return make_one(hand_over_to=f"team:{TEAM}")


def holder(it: Rig, cid: str) -> tuple[int | None, int | None]:
    held = it.world.conversations[cid].holding
    return held.admin_id, held.team_id


@pytest.mark.parametrize("told", ["by webhook", "by the look"])
def test_somebody_assigned_himself_before_our_assignment(it: Rig, told: str) -> None:
    """The note is posted, the assignment is dropped, and the person is responsible."""
    cid = start(it)
    by_door(it, cid)
    it.advance(1)
    it.world.assign(cid, MAREK, by=MAREK)
    if told == "by webhook":
        it.hear()
    else:
        it.standin.notifier.take()
    it.settle()
    assert pushed(it)[-2:] == [("note", "sent"), ("assignment", "cancelled")]
    session = it.session(cid)
    assert (session.mode, session.responsible_kind, session.responsible_id) == (
        "human", "operator", str(MAREK),
    )  # fmt: skip
    assert session.waiting_since is None
    assert session.handover["trigger"] == "manual"
    assert holder(it, cid)[0] == MAREK
    assert it.markers(cid) == ["handover", "assigned"]


@pytest.mark.parametrize("lands", ["before", "after"])
def test_somebody_assigns_himself_while_ours_is_on_the_wire(it: Rig, lands: str) -> None:
    """Whose assignment the channel kept last, his it is; the AI is silent either way."""
    cid = start(it)
    by_door(it, cid)

    def himself() -> None:
        it.world.assign(cid, MAREK, by=MAREK)
        it.hear()

    hook = "before_effect" if lands == "before" else "after_effect"
    struck = once(it, hook, "assign", himself)
    it.settle()
    assert struck
    assert it.session(cid).mode == "human"
    assert last(it, "assignment").state == "sent"
    # A teammate keeps the team; assigning a team takes the teammate off (Intercom's rule).
    if lands == "after":
        assert holder(it, cid) == (MAREK, TEAM)
        assert it.session(cid).responsible_id == str(MAREK)
    else:
        assert holder(it, cid) == (None, TEAM)
    ask(it, cid)
    it.settle()
    assert len(said(it, cid)) == 1


@pytest.mark.parametrize("hook", ["before_effect", "after_effect"])
def test_handed_back_while_the_handovers_assignment_is_on_the_wire(it: Rig, hook: str) -> None:
    cid = start(it)
    by_door(it, cid)
    ask(it, cid)
    struck = once(it, hook, "assign", lambda: back(it, cid))
    it.settle()
    assert struck
    assert it.session(cid).mode == "ai"
    assert holder(it, cid)[0] == int(BOT)
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert pushed(it, "assignment") == [("assignment", "sent"), ("assignment", "sent")]
    parts = it.world.conversations[cid].parts
    kinds = [p.part_type for p in parts if str(p.author.id) == BOT][-3:]
    assert kinds == ["assignment", "assignment", "comment"]  # the bot's seat before its words


def test_handed_back_before_the_handovers_assignment_began(it: Rig) -> None:
    cid = start(it)
    by_door(it, cid)
    it.advance(1)
    back(it, cid)
    ask(it, cid)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert pushed(it)[1:3] == [("note", "sent"), ("assignment", "cancelled")]
    assert holder(it, cid)[0] == int(BOT)
    assert said(it, cid)[1:] == ["AI: And when?"]


@pytest.mark.parametrize("told", ["by webhook", "by the look"])
def test_taken_over_before_the_hand_backs_assignment(it: Rig, told: str) -> None:
    cid = start(it)
    by_door(it, cid)
    it.settle()
    it.advance(5)
    ask(it, cid)
    back(it, cid)
    it.advance(2)
    it.world.assign(cid, MAREK, by=MAREK)
    if told == "by webhook":
        it.hear()
    else:
        it.standin.notifier.take()
    it.settle()
    assert it.session(cid).mode == "human"
    assert it.session(cid).responsible_id == str(MAREK)
    assert holder(it, cid)[0] == MAREK
    assert pushed(it, "assignment")[-1] == ("assignment", "cancelled")
    assert len(said(it, cid)) == 1


def test_taken_over_while_the_hand_backs_assignment_is_on_the_wire(it: Rig) -> None:
    cid = start(it)
    by_door(it, cid)
    it.settle()
    it.advance(5)
    ask(it, cid)
    back(it, cid)
    it.advance(2)

    def himself() -> None:
        it.world.assign(cid, MAREK, by=MAREK)
        it.hear()

    struck = once(it, "after_effect", "assign", himself)
    it.settle()
    assert struck
    assert it.session(cid).mode == "human"
    assert holder(it, cid)[0] == MAREK
    assert len(said(it, cid)) == 1


def test_an_assignment_to_the_bot_from_before_the_handover_comes_late(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.assign(cid, BOT, by=AOIFE)
    late = it.standin.notifier.take()
    back(it, cid)  # our pages do not know it yet
    by_door(it, cid)
    it.advance(2)
    for notification in late:
        it.standin.notifier.deliver(notification)
    assert it.session(cid).mode == "human"
    it.settle()
    for notification in late:
        it.standin.notifier.deliver(notification)
    it.settle()
    assert it.session(cid).mode == "human"
    assert holder(it, cid) == (None, TEAM)
    ask(it, cid)
    it.settle()
    assert len(said(it, cid)) == 1


def test_to_the_bot_while_our_assignment_is_on_the_wire_is_absorbed(it: Rig) -> None:
    """Nobody can tell it from an older one: silence, and the channel shows the team."""
    cid = start(it)
    it.world.assign(cid, "nobody", by=AOIFE)
    it.settle()
    it.advance(5)
    by_door(it, cid)

    def to_the_bot() -> None:
        it.world.assign(cid, BOT, by=AOIFE)
        it.hear()

    struck = once(it, "before_effect", "assign", to_the_bot)
    it.settle()
    assert struck
    assert it.session(cid).mode == "human"
    assert holder(it, cid) == (None, TEAM)


def test_to_the_bot_after_ours_has_settled_returns_to_the_ai(it: Rig) -> None:
    cid = start(it)
    by_door(it, cid)
    it.settle()
    ask(it, cid)
    it.advance(5)
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert it.agent.turns[-1].cause == "returned"
    assert it.markers(cid)[-1] == "returned"


def test_a_supervisor_and_a_teammate_press_at_the_same_time(
    make_rig: Callable[..., Rig],
) -> None:
    """No hook. Both wills are silence; one handover is recorded, and one person or team."""
    it = make_rig(hand_over_to=f"team:{TEAM}")
    cid = start(it)
    for _ in range(4):
        ready = Gate()

        def press(ready: Gate = ready) -> None:
            ready.hold()
            with suppress(Conflict):  # "Session is already handled by an operator"
                by_door(it, cid)

        with Meanwhile(press):
            ready.wait()
            ready.open()
            it.world.assign(cid, MAREK, by=MAREK)
            it.hear()
        it.settle()
        assert it.session(cid).mode == "human"
        assert not [p for p in it.pushes() if p.state in ("owed", "sending", "unknown")]
        it.advance(5)
        it.world.assign(cid, AOIFE, by=AOIFE)
        it.settle()
        it.advance(5)
        it.world.assign(cid, BOT, by=AOIFE)
        it.settle()
        assert it.session(cid).mode == "ai"
        it.advance(5)
