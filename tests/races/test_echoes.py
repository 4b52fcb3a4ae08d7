"""Echoes: what we sent comes back, early, late, twice, altered or never, and is ours just once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from gateway.conversations import doors
from gateway.store.models import FactRow
from tests.races.moves import ask, back, by_door, last, lines, once, pushed, said, start
from tests.rig import AOIFE, MAREK, SUPERVISOR, TEAM, Rig

ANSWER = "AI: And when?"


def test_the_echo_comes_before_the_calls_return(on_both: Rig) -> None:
    it = on_both
    it.standin.notifier.echo_before_return = True
    cid = start(it)
    ask(it, cid, "And when?", "Same.", "Same.", "By post.")
    it.settle()
    assert said(it, cid)[1:] == ["Same.", "Same.", "By post."]
    assert lines(it, cid)[-3:] == [("ai", text, "sent") for text in ("Same.", "Same.", "By post.")]
    assert it.markers(cid) == []
    assert it.session(cid).mode == "ai"


def test_echoes_of_a_handover_come_before_the_calls_return(make_one: Callable[..., Rig]) -> None:
    it = make_one(hand_over_to=f"team:{TEAM}")
    it.standin.notifier.echo_before_return = True
    cid = start(it)
    by_door(it, cid)
    it.settle()
    assert pushed(it)[-2:] == [("note", "sent"), ("assignment", "sent")]
    session = it.session(cid)
    assert (session.mode, session.responsible_kind) == ("human", "unassigned")
    assert [m.kind for m in it.history(cid)].count("note") == 1
    it.advance(5)
    back(it, cid)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert it.markers(cid) == ["handover", "returned"]
    it.act(doors.finish, it.session(cid).id, SUPERVISOR, reason="")
    it.settle()
    assert pushed(it)[-1] == ("close", "sent")
    assert it.markers(cid) == ["handover", "returned", "finished"]


def test_words_that_assign_as_well_are_known_by_their_receipt(on_both: Rig) -> None:
    """Told by the echo alone the assignment would come late: before the words, by its place."""
    it = on_both
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.hear()
    it.work("turns", "deliver")
    with it.parts.database.read() as db:
        known = {(fact.external_id, fact.kind) for fact in db.execute(select(FactRow.__table__))}
    echoed = last(it).external_id
    assert {(echoed, "assigned"), (echoed, "message")} <= known
    before, session = it.history(cid), it.session(cid)
    it.settle()
    assert it.history(cid) == before
    assert (it.session(cid).mode, it.session(cid).epoch) == ("ai", session.epoch)


@pytest.mark.parametrize("times", [0, 1, 3])
def test_the_echo_comes_long_after_or_never_or_often(it: Rig, times: int) -> None:
    cid = start(it)
    ask(it, cid, "And when?", "On Monday.")
    it.work("turns", "deliver")
    echoes = it.standin.notifier.take()
    assert echoes
    it.advance(7200)
    before = it.history(cid)
    for _ in range(times):
        for echo in echoes:
            assert it.standin.notifier.deliver(echo).status == 200
    it.settle()
    assert it.history(cid) == before
    assert last(it).state == "sent"


def test_never_an_echo_and_never_a_receipt(it: Rig) -> None:
    it.standin.notifier.topics = {"conversation.user.created", "conversation.user.replied"}
    cid = start(it, held=False)
    it.standin.faults.add("timeout_after", where="reply")
    ask(it, cid)
    it.settle()
    it.advance(10)
    it.settle()
    assert last(it).state == "sent"
    assert said(it, cid)[1:] == [ANSWER]


@pytest.mark.parametrize("told", ["echo", "read-back"])
@pytest.mark.parametrize(
    "altered",
    [
        "<p>“It’s   on   Monday” — <b>really</b>…</p>\n\n<p>By&nbsp;post.</p>",
        "<div>&quot;It's on Monday&quot; -\u00a0<i>really</i>...</div><br><br>By post.",
        "It's on Monday really\n\n\nBy post",
    ],
)
def test_the_echo_comes_back_in_other_clothes(
    it: Rig, monkeypatch: pytest.MonkeyPatch, altered: str, told: str
) -> None:
    cid = start(it)
    ask(it, cid, "And when?", '"It\'s on Monday" - **really**...\n\nBy post.')
    it.work("turns")
    monkeypatch.setattr("intercom_standin.world.html_of_api_body", lambda body: altered)
    it.standin.faults.add("timeout_after", where="reply")
    it.work("deliver")
    if told == "echo":
        it.hear()
    else:
        it.standin.notifier.take()
        it.advance(10)
        it.work("deliver")
    assert last(it).state == "sent"
    assert len(said(it, cid)) == 2
    assert [m[0] for m in lines(it, cid)] == ["customer", "ai", "customer", "ai"]
    it.advance(60)
    it.settle()
    assert len(said(it, cid)) == 2


def test_two_identical_texts_of_which_one_is_in_doubt(on_both: Rig) -> None:
    """The echo of the first, known by its receipt, does not pass for the second one's."""
    it = on_both
    cid = start(it)
    ask(it, cid, "And when?", "Soon.", "Soon.")
    it.work("turns")
    seen = []

    def second_is_lost(call: Any) -> None:
        if call.kind == "reply":
            seen.append(call)
            if len(seen) == 1:
                it.standin.faults.add("timeout_before", where="reply")

    it.standin.faults.hooks.after_effect = second_is_lost
    it.work("deliver")
    assert [p.state for p in it.pushes()][-2:] == ["sent", "unknown"]
    it.hear()  # the first one's echo
    assert [p.state for p in it.pushes()][-2:] == ["sent", "unknown"]
    for _ in range(4):
        it.advance(10)
        it.work("deliver")
    it.settle()
    assert said(it, cid)[1:] == ["Soon.", "Soon."]


@pytest.mark.parametrize("when", ["idle", "in flight", "with people"])
def test_another_integration_speaks_from_the_bots_seat(it: Rig, when: str) -> None:
    """Recorded as the bot's, taken for nobody's takeover, and for no echo of ours."""
    cid = start(it)
    bot = it.world.bot_seat

    def meddle() -> None:
        it.world.admin_replies(cid, bot, "Rate us!", via_api=True)
        it.hear()

    ask(it, cid)
    if when == "in flight":
        it.work("turns")
        once(it, "before_effect", "reply", meddle)
    elif when == "with people":
        by_door(it, cid)
        meddle()
    else:
        it.settle()
        meddle()
    it.settle()
    assert it.session(cid).mode == ("human" if when == "with people" else "ai")
    assert ("ai", "Rate us!", "sent") in lines(it, cid)
    assert said(it, cid).count("Rate us!") == 1
    assert said(it, cid).count(ANSWER) == (0 if when == "with people" else 1)
    assert not [p for p in it.pushes() if p.folded == "rateus"]


def test_another_integration_says_the_very_same_while_ours_is_on_the_wire(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")

    def meddle() -> None:
        it.world.admin_replies(cid, it.world.bot_seat, ANSWER, via_api=True)
        it.hear()

    once(it, "before_effect", "reply", meddle)
    it.work("deliver")
    it.settle()
    assert said(it, cid)[1:] == [ANSWER, ANSWER]
    assert [m[1] for m in lines(it, cid)].count(ANSWER) == 2
    assert last(it).state == "sent"


def test_a_teammate_says_the_very_same_while_ours_is_on_the_wire(it: Rig) -> None:
    """Her words are hers: a takeover, and no receipt for ours."""
    cid = start(it)
    ask(it, cid)
    it.work("turns")

    def meddle() -> None:
        it.world.admin_replies(cid, MAREK, ANSWER)
        it.hear()

    once(it, "before_effect", "reply", meddle)
    it.work("deliver")
    it.settle()
    session = it.session(cid)
    assert (session.mode, session.responsible_id) == ("human", str(MAREK))
    assert (last(it).state, last(it).overlapped) == ("sent", True)
    assert said(it, cid)[1:] == [ANSWER]
    assert [m[0] for m in lines(it, cid)][-2:] == ["operator", "ai"]


def test_our_assignments_echo_is_no_takeover_and_no_return(make_one: Callable[..., Rig]) -> None:
    it = make_one(hand_over_to=f"admin:{AOIFE}")
    cid = start(it)
    by_door(it, cid)
    it.work("deliver")
    echoes = it.standin.notifier.take()
    it.advance(60)
    for echo in [*echoes[::-1], *echoes]:
        it.standin.notifier.deliver(echo)
    it.settle()
    session = it.session(cid)
    assert (session.mode, session.responsible_id) == ("human", str(AOIFE))
    assert it.markers(cid) == ["handover", "assigned"]
    assert session.handover["trigger"] == "manual"
    assert it.world.conversations[cid].holding.admin_id == AOIFE
