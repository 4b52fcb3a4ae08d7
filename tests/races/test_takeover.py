"""A person takes over before, during and after every step of an answer's life: P1, P5, P6."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.races.moves import (
    Gate,
    Meanwhile,
    Takeover,
    agree,
    ask,
    back,
    by_door,
    by_webhook,
    calls,
    last,
    lines,
    once,
    pushed,
    said,
    start,
)
from tests.rig import AOIFE, BOT, MAREK, TEAM, Rig

both_ways = pytest.mark.parametrize("take_over", [by_webhook, by_door])


def silent(it: Rig, cid: str, told: int = 1) -> None:
    """P1: whatever happens now, the AI adds nothing to the `told` messages it has said."""
    it.settle()
    for seconds in (2, 60):
        it.advance(seconds)
        it.settle()
    assert it.session(cid).mode == "human"
    assert len(said(it, cid)) == told
    assert not [push for push in it.pushes() if push.state in ("owed", "sending", "unknown")]
    agree(it)


@both_ways
def test_before_the_question(on_both: Rig, take_over: Takeover) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    take_over(it, cid)
    silent(it, cid)
    assert len(it.agent.turns) == 1
    assert it.turns()[-1].state == "discarded"


@both_ways
def test_while_the_answer_is_thought_out(on_both: Rig, take_over: Takeover) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.agent.before.append(lambda turn: take_over(it, cid))
    silent(it, cid)
    assert lines(it, cid)[-1] == ("ai", "AI: And when?", "discarded")
    assert it.turns()[-1].state == "discarded"
    assert pushed(it, "answer") == [("answer", "sent")]


@both_ways
def test_between_the_answer_and_the_claim_of_its_lane(on_both: Rig, take_over: Takeover) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    assert last(it).state == "owed"
    take_over(it, cid)
    assert last(it).state == "cancelled"
    assert lines(it, cid)[-1] == ("ai", "AI: And when?", "discarded")
    silent(it, cid)
    assert not last(it).overlapped


@both_ways
def test_during_the_look(on_both: Rig, take_over: Takeover) -> None:
    """The read was answered, then the takeover committed, then the sender came to begin."""
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    struck = once(it, "after_read", "get", lambda: take_over(it, cid))
    it.work("deliver")
    assert struck
    silent(it, cid)
    assert (last(it).state, last(it).overlapped) == ("cancelled", False)


@both_ways
def test_between_begin_and_post(on_both: Rig, take_over: Takeover) -> None:
    """What is on the wire lands; it is told so, and nothing else begins."""
    it = on_both
    cid = start(it)
    ask(it, cid, "And when?", "On Monday.", "By post.")
    it.work("turns")
    held = Gate()
    it.standin.faults.hooks.before_effect = held.hold
    with Meanwhile(lambda: it.work("deliver")):
        held.wait()
        it.standin.faults.hooks.before_effect = None
        done = take_over(it, cid)
        held.open()
    if done is not None:
        assert done.in_flight == 1
    silent(it, cid, told=2)
    assert [(p.state, p.overlapped) for p in it.pushes() if p.role == "answer"][-2:] == [
        ("sent", True), ("cancelled", False),
    ]  # fmt: skip
    assert sum(push.overlapped for push in it.pushes()) == 1
    assert lines(it, cid)[-2:] == [("ai", "On Monday.", "sent"), ("ai", "By post.", "discarded")]


def test_the_handovers_answer_reports_what_is_in_flight(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    token = it.token()
    ask(it, cid)
    it.work("turns")
    answers = []
    path = f"/sessions/{it.session(cid).id}/handover"
    once(it, "before_effect", "reply", lambda: answers.append(it.api("POST", path, token)))
    it.work("deliver")
    assert answers[0].status_code == 200
    assert answers[0].json()["in_flight"] == 1
    silent(it, cid, told=2)


@both_ways
def test_after_the_post_and_before_its_return(on_both: Rig, take_over: Takeover) -> None:
    """During settle: the message is said, its call has not come back, nobody knows it yet."""
    it = on_both
    cid = start(it)
    ask(it, cid, "And when?", "On Monday.", "By post.")
    it.work("turns")
    struck = once(it, "after_effect", "reply", lambda: take_over(it, cid))
    it.work("deliver")
    assert struck
    silent(it, cid, told=2)
    answers = [push for push in it.pushes() if push.role == "answer"][-2:]
    # Through the webhook its echo came first, so it is known that it was said before.
    overlapped = take_over is by_door
    assert [p.state for p in answers] == ["sent", "cancelled"]
    assert [p.overlapped for p in answers] == [overlapped, False]


@both_ways
def test_between_two_parts_of_an_answer(on_both: Rig, take_over: Takeover) -> None:
    """The first was sent and settled; during the look for the second a person takes over."""
    it = on_both
    cid = start(it)
    ask(it, cid, "And when?", "On Monday.", "By post.")
    it.work("turns")
    looks = []

    def second_look(call: object) -> None:
        looks.append(call)
        if len(looks) == 2:
            take_over(it, cid)

    it.standin.faults.hooks.after_read = second_look
    it.work("deliver")
    assert len(looks) >= 2
    silent(it, cid, told=2)
    assert [m[2] for m in lines(it, cid)][-2:] == ["sent", "discarded"]
    assert not any(push.overlapped for push in it.pushes())


@both_ways
def test_after_everything(on_both: Rig, take_over: Takeover) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.settle()
    take_over(it, cid)
    silent(it, cid, told=2)
    assert not any(push.overlapped for push in it.pushes())


@both_ways
def test_on_the_wire_and_it_never_lands(on_both: Rig, take_over: Takeover) -> None:
    """Begun, taken over, refused with 429: it was not said, so it is not said later either."""
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.standin.faults.add("rate_limited", where="reply")
    begun = it.bench.works["deliver"]
    post = begun._post  # type: ignore[attr-defined]

    def taken_over_first(*args: object) -> bool:
        take_over(it, cid)
        return bool(post(*args))

    begun._post = taken_over_first  # type: ignore[attr-defined]
    it.work("deliver")
    begun._post = post  # type: ignore[attr-defined]
    it.advance(15)
    silent(it, cid)
    assert (last(it).state, last(it).overlapped) == ("cancelled", False)
    assert len(calls(it, "reply")) == 2  # the first answer, and the refused one


def test_taken_over_and_given_back_while_the_answer_is_thought_out(on_both: Rig) -> None:
    """The answer was for another state of affairs: discarded, and the question is asked anew."""
    it = on_both
    cid = start(it)
    ask(it, cid)

    def there_and_back(turn: object) -> None:
        by_webhook(it, cid)
        it.advance(1)
        it.world.admin_replies(cid, AOIFE, "I look after it.")
        it.hear()
        it.advance(1)
        it.world.customer_replies(cid, "Thanks. And the invoice?")
        it.hear()
        it.advance(1)
        it.world.assign(cid, BOT, by=AOIFE)
        it.hear()

    it.agent.before.append(there_and_back)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert [turn.state for turn in it.turns()] == ["recorded", "discarded", "recorded"]
    assert it.agent.turns[-1].cause == "returned"
    assert it.agent.turns[-1].brief
    assert len(said(it, cid)) == 2
    assert "And the invoice?" in said(it, cid)[-1]


@both_ways
def test_an_answer_discarded_is_asked_again_on_return(on_both: Rig, take_over: Takeover) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.agent.before.append(lambda turn: take_over(it, cid))
    silent(it, cid)
    back(it, cid)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert it.agent.turns[-1].cause == "returned"
    assert said(it, cid)[-1].endswith("And when?")
    assert len(said(it, cid)) == 2
    assert it.world.conversations[cid].holding.admin_id == int(BOT)


@pytest.mark.parametrize("hook", ["before_effect", "after_effect"])
def test_given_back_while_the_answer_is_on_the_wire(on_both: Rig, hook: str) -> None:
    """When it was given back nobody knew that the customer is answered: not answered twice."""
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")

    def there_and_back(_: object) -> None:
        setattr(it.standin.faults.hooks, hook, None)
        by_webhook(it, cid)
        it.world.assign(cid, BOT, by=AOIFE)
        assert {attempt.status for attempt in it.hear() if "admin" in attempt.topic} == {200}
        it.work("turns")  # it waits: nobody knows what becomes of the answer

    setattr(it.standin.faults.hooks, hook, there_and_back)
    it.work("deliver")
    it.settle()
    it.advance(3)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert said(it, cid) == ["AI: Where is my order?", "AI: And when?"]
    assert len(it.agent.turns) == 2
    assert [turn.state for turn in it.turns()].count("recorded") == 2


def test_what_was_on_the_wire_does_not_answer_what_came_after_it(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")

    def there_and_back(_: object) -> None:
        it.standin.faults.hooks.before_effect = None
        by_webhook(it, cid)
        it.world.customer_replies(cid, "And the invoice?")
        it.world.assign(cid, BOT, by=AOIFE)
        it.hear()

    it.standin.faults.hooks.before_effect = there_and_back
    it.work("deliver")
    it.settle()
    it.advance(3)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert said(it, cid)[1:] == ["AI: And when?", "AI: And the invoice?"]


def test_what_landed_under_people_does_not_answer_what_was_said_to_them(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")

    def taken_over(_: object) -> None:
        it.standin.faults.hooks.before_effect = None
        by_webhook(it, cid)
        it.world.customer_replies(cid, "And the invoice?")
        it.hear()

    it.standin.faults.hooks.before_effect = taken_over
    it.work("deliver")
    it.settle()
    it.advance(5)
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert said(it, cid)[1:] == ["AI: And when?", "AI: And the invoice?"]


def test_to_another_person_while_one_is_there_changes_who_not_what(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    once(it, "after_read", "get", lambda: by_webhook(it, cid))
    it.work("deliver")
    it.world.assign(cid, MAREK, by=AOIFE)
    silent(it, cid)
    assert it.session(cid).responsible_id == str(MAREK)
    assert it.markers(cid) == ["handover", "assigned", "assigned"]


@pytest.mark.parametrize(
    "act",
    [
        lambda it, cid: it.world.admin_replies(cid, AOIFE, "Let me."),
        lambda it, cid: it.world.assign(cid, f"team:{TEAM}", by=AOIFE),
        lambda it, cid: it.world.assign(cid, "fin", by=AOIFE),
        lambda it, cid: it.world.close(cid, AOIFE),
        lambda it, cid: it.world.delete_conversation(cid),
    ],
    ids=["reply", "team", "fin", "close", "delete"],
)
def test_whatever_takes_the_session_from_the_ai_during_the_look(
    on_both: Rig, act: Callable[[Rig, str], object]
) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")

    def happen() -> None:
        act(it, cid)
        it.hear()

    struck = once(it, "after_read", "get", happen)
    it.work("deliver")
    assert struck
    it.settle()
    assert last(it).state == "cancelled"
    session = it.session(cid)
    assert session.mode == "human" or session.status == "finished"
    if cid in it.world.conversations:
        assert len(said(it, cid)) == 1


def test_finished_while_the_answer_is_thought_out(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)

    def closed(turn: object) -> None:
        it.world.close(cid, AOIFE)
        it.hear()

    it.agent.before.append(closed)
    it.settle()
    assert it.session(cid).status == "finished"
    assert len(said(it, cid)) == 1
    assert lines(it, cid)[-1][2] == "discarded"
    it.advance(5)
    it.world.customer_replies(cid, "One more thing")
    it.settle()
    assert len(it.sessions(cid)) == 2
    assert said(it, cid)[-1].endswith("One more thing")


def test_takeovers_race_the_sender(on_both: Rig) -> None:
    """No hook: sender and teammate run at the same time. Whoever wins, the record tells it."""
    it = on_both
    cid = start(it)
    for number in range(6):
        ask(it, cid, f"Question {number}", f"Answer {number}")
        it.work("turns")
        ready = Gate()
        with Meanwhile(lambda ready=ready: (ready.hold(), it.work("deliver"))):
            ready.wait()
            ready.open()
            by_webhook(it, cid)
        it.settle()
        landed = f"Answer {number}" in said(it, cid)
        assert last(it).state == ("sent" if landed else "cancelled")
        parts = it.world.conversations[cid].parts
        taken = max(i for i, p in enumerate(parts) if p.assigned_to and p.author.id == str(AOIFE))
        late = [i for i, part in enumerate(parts) if part.id == last(it).external_id and i > taken]
        assert last(it).overlapped or not late
        it.advance(5)
        it.world.assign(cid, BOT, by=AOIFE)
        it.settle()
        it.advance(5)
        assert it.session(cid).mode == "ai"


def test_the_answer_as_said(on_both: Rig) -> None:
    """The measure of the others: undisturbed, all parts go out, in order, once."""
    it = on_both
    cid = start(it)
    ask(it, cid, "And when?", "On Monday.", "By post.", "To your door.")
    it.settle()
    assert said(it, cid)[1:] == ["On Monday.", "By post.", "To your door."]
    assert it.agent.turns[-1].messages[-1].text == "And when?"
    assert [p.state for p in it.pushes() if p.role == "answer"] == ["sent"] * 4
