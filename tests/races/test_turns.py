"""Turns: bursts, words that come while the agent thinks, its faults, its late answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.clock import to_micros
from gateway.conversations import asking
from gateway.errors import Again, Conflict, Never
from gateway.events import Answer, HandoverRequest, Later
from tests.races.moves import ask, back, by_webhook, last, lines, pushed, said, start
from tests.rig import CHANNEL, Rig

TIMEOUT = Again("no answer in time", details={"timeout": True})


def reply(it: Rig, turn_id: str, answer: Answer) -> Any:
    """What the door for late answers does."""
    terms = it.parts.terms[CHANNEL]
    now = to_micros(it.clock.now())
    return it.parts.database.write(
        lambda db: asking.record_answer(db, terms, turn_id, answer, now=now, link="")
    )


def told(it: Rig) -> list[str]:
    """The new words of the last question."""
    return [m.text for m in it.agent.turns[-1].messages if m.new and m.author.kind == "customer"]


# -- debounce --------------------------------------------------------------------------------------


def test_a_burst_is_one_question(make_one: Callable[..., Rig]) -> None:
    it = make_one(agent_rules={"debounce_s": 1.0})
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.hear()
    for text in ("I have", "a question"):
        it.work()
        it.advance(0.9)
        ask(it, cid, text)
    it.work()
    assert it.agent.turns == []
    it.advance(1)
    it.work()
    assert told(it) == ["Hello", "I have", "a question"]
    assert len(it.agent.turns) == 1


def test_a_burst_without_end_is_answered_all_the_same(make_one: Callable[..., Rig]) -> None:
    it = make_one(agent_rules={"debounce_s": 1.0, "debounce_max_s": 3.0})
    cid = str(it.world.customer_starts("0", name="Cleo").conversation.id)
    it.hear()
    for number in range(1, 6):
        it.advance(0.8)
        ask(it, cid, str(number))
        it.work("turns")
    assert len(it.agent.turns) == 1
    assert told(it) == ["0", "1", "2", "3", "4"] or told(it) == ["0", "1", "2", "3"]
    it.advance(3)
    it.settle()
    assert len(it.agent.turns) == 2
    assert told(it)[-1] == "5"


def test_words_that_come_while_it_thinks_join_the_next_question(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid, "First")
    it.agent.before.append(lambda turn: (ask(it, cid, "Second"), ask(it, cid, "Third")))
    it.settle()
    assert len(it.agent.turns) == 3
    assert told(it) == ["Second", "Third"]
    assert said(it, cid)[1:] == ["AI: First", "AI: Third"]


def test_words_that_come_while_a_silent_answer_is_recorded(it: Rig) -> None:
    cid = start(it)
    ask(it, cid, "First")
    it.agent.next += [Answer(messages=[]), Answer(messages=["Now."])]
    it.agent.before.append(lambda turn: ask(it, cid, "Second"))
    it.settle()
    assert said(it, cid)[1:] == ["Now."]


def test_the_agent_ends_the_session_and_the_customer_goes_on(it: Rig) -> None:
    """What it had not heard when it said goodbye is answered, not buried."""
    cid = start(it)
    it.agent.next.append(Answer(messages=["Bye."], finish=True))
    ask(it, cid, "Thanks")
    it.agent.before.append(lambda turn: ask(it, cid, "Wait!"))
    it.settle()
    assert said(it, cid)[1:] == ["Bye.", "AI: Wait!"]
    assert it.session(cid).status == "active"


def test_the_customer_goes_on_before_the_goodbye_is_delivered(it: Rig) -> None:
    cid = start(it)
    it.agent.next.append(Answer(messages=["Bye."], finish=True))
    ask(it, cid, "Thanks")
    it.work("turns")
    assert it.session(cid).status == "finished"
    it.advance(1)
    ask(it, cid, "One more thing")
    it.settle()
    assert said(it, cid)[1:] == ["Bye.", "AI: One more thing"]
    assert pushed(it, "close") == [("close", "cancelled")]
    assert len(it.sessions(cid)) == 2
    assert it.world.conversations[cid].state == "open"


# -- faults ----------------------------------------------------------------------------------------


def test_the_agents_trouble_is_tried_again_after_1_and_3_seconds(it: Rig) -> None:
    cid = start(it)
    it.agent.next += [Again("503"), Again("503")]
    ask(it, cid)
    it.work()
    asked = len(it.agent.turns)
    it.advance(0.9)
    it.work()
    assert len(it.agent.turns) == asked
    it.advance(0.1)
    it.work()
    assert len(it.agent.turns) == asked + 1
    it.advance(2.9)
    it.work()
    assert len(it.agent.turns) == asked + 1
    it.advance(0.1)
    it.settle()
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert it.turns()[-1].tries == 3


def handed_over(it: Rig, cid: str) -> None:
    session = it.session(cid)
    assert session.mode == "human"
    assert (session.handover["trigger"], session.handover["reason"]) == (
        "fault", "AI agent unavailable",
    )  # fmt: skip
    assert it.turns()[-1].state == "failed"
    it.settle()
    assert pushed(it)[-2:] == [("note", "sent"), ("assignment", "sent")]
    assert len(said(it, cid)) == 1


def test_given_up_after_20_seconds(it: Rig) -> None:
    cid = start(it)
    it.agent.next += [Again("503")] * 20
    ask(it, cid)
    for _ in range(60):
        it.work()
        if it.session(cid).mode == "human":
            break
        it.advance(0.5)
    asked_at, ended_at = it.turns()[-1].asked_at, it.turns()[-1].ended_at
    assert 20e6 <= ended_at - asked_at <= 23e6
    handed_over(it, cid)


def test_lasting_trouble_is_given_up_at_once(it: Rig) -> None:
    cid = start(it)
    it.agent.next.append(Never("401"))
    ask(it, cid)
    it.work("turns")
    handed_over(it, cid)


def test_a_broken_agent_is_given_up_at_once(it: Rig) -> None:
    cid = start(it)
    it.agent.next.append(ZeroDivisionError("a bug"))
    ask(it, cid)
    it.work("turns")
    handed_over(it, cid)


def test_given_up_after_two_timeouts(on_both: Rig) -> None:
    """One timeout takes longer than all our patience: it is tried once more, then given up."""
    it = on_both
    cid = start(it)
    it.agent.next += [TIMEOUT, TIMEOUT, Answer(messages=["Too late."])]
    slow = [lambda turn: it.advance(30)]
    it.agent.before += slow
    ask(it, cid)
    it.work("turns")
    assert it.turns()[-1].state == "due"
    it.agent.before += slow
    it.advance(1)
    it.work("turns")
    handed_over(it, cid)
    assert len(it.agent.turns) == 3


def test_taken_over_while_the_agent_is_being_tried_again(it: Rig) -> None:
    cid = start(it)
    it.agent.next += [Again("503"), Never("401")]
    ask(it, cid)
    it.work()
    by_webhook(it, cid)
    it.advance(5)
    it.settle()
    assert it.session(cid).handover["trigger"] == "assignee"
    assert len(it.agent.turns) == 2


def test_taken_over_while_the_agent_fails(it: Rig) -> None:
    cid = start(it)
    it.agent.next.append(Never("401"))
    it.agent.before.append(lambda turn: by_webhook(it, cid))
    ask(it, cid)
    it.settle()
    assert it.session(cid).handover["trigger"] == "assignee"
    assert it.markers(cid).count("handover") == 1


def test_the_customer_writes_while_the_agent_is_being_tried_again(it: Rig) -> None:
    cid = start(it)
    it.agent.next.append(Again("503"))
    ask(it, cid, "First")
    it.work()
    ask(it, cid, "Second")
    it.advance(3)
    it.settle()
    assert said(it, cid)[1:] == ["AI: Second"]
    assert told(it) == ["First", "Second"]


# -- answers that come later -----------------------------------------------------------------------


def later(it: Rig, cid: str) -> str:
    it.agent.next.append(Later())
    ask(it, cid)
    it.work("turns")
    assert it.turns()[-1].state == "waiting"
    return str(it.turns()[-1].id)


def test_a_reply_in_time_the_same_again_and_another(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    turn = later(it, cid)
    it.advance(119)
    it.work()
    assert reply(it, turn, Answer(messages=["Here."])).verdict == "recorded"
    it.settle()
    assert reply(it, turn, Answer(messages=["Here."])).verdict == "recorded"
    with pytest.raises(Conflict):
        reply(it, turn, Answer(messages=["There."]))
    it.settle()
    assert said(it, cid)[1:] == ["Here."]


def test_a_reply_before_the_202_was_read(it: Rig) -> None:
    cid = start(it)
    it.agent.next.append(Later())
    it.agent.before.append(lambda turn: reply(it, turn.id, Answer(messages=["Here."])))
    ask(it, cid)
    it.settle()
    it.advance(130)
    it.settle()
    assert said(it, cid)[1:] == ["Here."]
    assert it.session(cid).mode == "ai"
    assert it.turns()[-1].state == "recorded"


def test_a_reply_that_never_comes_and_one_that_comes_too_late(it: Rig) -> None:
    cid = start(it)
    turn = later(it, cid)
    it.advance(120)
    it.work("turns")
    handed_over(it, cid)
    assert reply(it, turn, Answer(messages=["Sorry!"])).verdict == "discarded"
    assert reply(it, turn, Answer(messages=["Sorry!"])).verdict == "discarded"
    it.settle()
    assert len(said(it, cid)) == 1
    assert ("ai", "Sorry!", "discarded") in lines(it, cid)


@pytest.mark.parametrize("returned", [False, True])
def test_a_reply_after_a_takeover(it: Rig, returned: bool) -> None:
    cid = start(it)
    turn = later(it, cid)
    by_webhook(it, cid)
    if returned:
        it.advance(5)
        back(it, cid)
    answer = Answer(messages=["Late."], handover=HandoverRequest(trigger="automatic"))
    assert reply(it, turn, answer).verdict == "discarded"
    it.settle()
    assert "Late." not in said(it, cid)
    assert it.session(cid).mode == ("ai" if returned else "human")
    assert it.markers(cid).count("handover") == 1
    if returned:
        assert said(it, cid)[1:] == ["AI: And when?"]


def test_words_while_a_reply_is_awaited_join_the_next_question(it: Rig) -> None:
    cid = start(it)
    turn = later(it, cid)
    ask(it, cid, "Still there?")
    it.work()
    assert len(it.agent.turns) == 2
    reply(it, turn, Answer(messages=["Here."]))
    it.settle()
    assert said(it, cid)[1:] == ["Here.", "AI: Still there?"]
    assert last(it).state == "sent"


def test_a_reply_while_the_question_waits_to_be_asked_again(it: Rig) -> None:
    """The connection broke, the agent had heard it all the same: its answer counts, once."""
    cid = start(it)
    it.agent.next.append(Again("connection lost"))
    ask(it, cid)
    it.work("turns")
    turn = it.turns()[-1]
    assert turn.state == "due"
    assert reply(it, turn.id, Answer(messages=["Here."])).verdict == "recorded"
    it.advance(5)
    it.settle()
    assert said(it, cid)[1:] == ["Here."]
    assert len(it.agent.turns) == 2
