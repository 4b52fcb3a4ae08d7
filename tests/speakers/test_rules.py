"""Handover rules through a whole gateway: the customer's words, findings, answers without help."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.conversations import doors
from gateway.events import Answer, HandoverRequest, Later
from gateway.rules import HandoverRule
from tests.races.moves import ask, back, by_webhook, lines, pushed, said, start
from tests.races.test_turns import reply
from tests.rig import AOIFE, SUPERVISOR, Rig
from tests.speakers.conftest import Make

HUMAN = HandoverRule(
    phrases=("speak to a human", "hablar con una persona"), reason="Wants a person."
)
AMOUNT = HandoverRule(result="refund", above=500.0)


def by_rule(it: Rig, cid: str, reason: str) -> None:
    session = it.session(cid)
    assert session.mode == "human"
    handover = session.handover
    assert (handover["trigger"], handover["reason"]) == ("rule", reason)
    assert handover["by"]["kind"] == "system"


# -- the customer's words --------------------------------------------------------------------------


def test_the_customer_asks_and_the_ai_is_not(make_on_both: Make) -> None:
    it = make_on_both(handover_rules=(HUMAN,), handover_message="Somebody is coming.")
    cid = start(it)
    ask(it, cid, "I want to SPEAK to a human!!")
    it.settle()
    by_rule(it, cid, "Wants a person.")
    assert len(it.agent.turns) == 1
    assert said(it, cid)[1:] == ["Somebody is coming."]
    turn = it.turns()[-1]
    assert (turn.state, turn.why) == ("discarded", "not asked: Wants a person.")
    note = next(m.text for m in it.history(cid, "note"))
    assert "Wants a person." in note
    assert "the gateway" in note
    assert it.markers(cid)[-1] == "handover"


def test_the_first_words_of_all(make: Make) -> None:
    it = make(handover_rules=(HandoverRule(phrases=("human",)),))
    cid = str(it.world.customer_starts("A human, please", name="Cleo").conversation.id)
    it.settle()
    by_rule(it, cid, "The customer said “human”")
    assert it.agent.turns == []


def test_one_of_a_burst_is_enough(make: Make) -> None:
    it = make(handover_rules=(HUMAN,), debounce_s=1.0)
    cid = start_slowly(it)
    for text in ("So", "can I hablar con una persona", "or not?"):
        it.world.customer_replies(cid, text)
    it.hear()
    it.advance(2)
    it.settle()
    by_rule(it, cid, "Wants a person.")
    assert len(it.agent.turns) == 1


def start_slowly(it: Rig) -> str:
    """A conversation that the AI has answered once, by an agent that waits for the burst's end."""
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.hear()
    it.advance(2)
    it.settle()
    it.advance(5)
    return cid


@pytest.mark.parametrize(
    "words", ["Is a human reading this?", "> speak to a human\nwhat is that?", "bot"]
)
def test_other_words_are_the_ais(make: Make, words: str) -> None:
    it = make(handover_rules=(HUMAN,))
    cid = start(it)
    ask(it, cid, words)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert len(it.agent.turns) == 2


def test_only_where_the_customer_may_ask(make: Make) -> None:
    topic = HandoverRule(phrases=("chargeback",), customer_request=False, reason="Chargeback.")
    it = make(handover_rules=(HUMAN, topic), allow_customer_request=False, allow_handover=False)
    cid = start(it)
    ask(it, cid, "Let me speak to a human")
    it.settle()
    assert it.session(cid).mode == "ai"
    ask(it, cid, "Then I file a chargeback")
    it.settle()
    by_rule(it, cid, "Chargeback.")


def test_asked_for_while_the_ai_is_thinking(make_on_both: Make) -> None:
    it = make_on_both(handover_rules=(HUMAN,))
    cid = start(it)
    ask(it, cid, "When?", "On Monday.", "Or Tuesday.")
    it.agent.before.append(lambda turn: ask(it, cid, "No: speak to a human"))
    it.settle()
    by_rule(it, cid, "Wants a person.")
    assert said(it, cid) == ["AI: Where is my order?"]
    assert [m for m in lines(it, cid) if m[2] == "discarded"] == [
        ("ai", "On Monday.", "discarded"), ("ai", "Or Tuesday.", "discarded"),
    ]  # fmt: skip
    assert it.turns()[-1].why == "not said: Wants a person."
    it.advance(5)
    back(it, cid)
    it.settle()
    assert it.session(cid).mode == "ai"


def test_asked_for_before_an_answer_that_comes_later(make: Make) -> None:
    it = make(handover_rules=(HUMAN,))
    cid = start(it)
    it.agent.next.append(Later())
    ask(it, cid, "When?")
    it.work()
    ask(it, cid, "Let me speak to a human")
    turn = it.turns()[-1]
    answer = Answer(messages=["On Monday."])
    assert reply(it, turn.id, answer).verdict == "discarded"
    by_rule(it, cid, "Wants a person.")
    assert reply(it, turn.id, answer).verdict == "discarded"
    it.settle()
    assert said(it, cid) == ["AI: Where is my order?"]


def test_what_was_said_to_people_does_not_take_the_session_from_the_ai(make_on_both: Make) -> None:
    """Whoever gives the session back has read it; asking once more counts once more."""
    it = make_on_both(handover_rules=(HUMAN,))
    cid = start(it)
    ask(it, cid, "speak to a human")
    it.settle()
    it.advance(5)
    ask(it, cid, "I said: speak to a human")
    it.settle()
    it.advance(5)
    back(it, cid)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert len(it.agent.turns) == 2
    it.advance(5)
    ask(it, cid, "No. speak to a human")
    it.settle()
    by_rule(it, cid, "Wants a person.")


def test_a_person_replied_and_gave_it_back_in_the_channel(make: Make) -> None:
    it = make(handover_rules=(HUMAN,))
    cid = start(it)
    by_webhook(it, cid)
    it.advance(5)
    ask(it, cid, "speak to a human")
    it.advance(5)
    it.world.admin_replies(cid, AOIFE, "I am one.")
    it.settle()
    it.advance(5)
    it.world.assign(cid, "814860", by=AOIFE)
    it.settle()
    it.advance(5)
    ask(it, cid, "Thanks. And now?")
    it.settle()
    assert it.session(cid).mode == "ai"
    assert said(it, cid)[-1] == "AI: Thanks. And now?"


def test_a_person_replied_without_taking_over(make: Make) -> None:
    it = make({"takeover_on_reply": False}, handover_rules=(HUMAN,), debounce_s=1.0)
    cid = start_slowly(it)
    it.world.customer_replies(cid, "speak to a human")
    it.world.admin_replies(cid, AOIFE, "I am one.")
    it.hear()
    it.advance(2)
    it.settle()
    assert it.session(cid).mode == "ai"
    it.advance(5)
    ask(it, cid, "No: speak to a human")
    it.advance(2)
    it.settle()
    by_rule(it, cid, "Wants a person.")


def test_what_the_ai_was_not_asked_is_new_to_it_when_it_is(make: Make) -> None:
    it = make(handover_rules=(HUMAN,))
    cid = start(it)
    ask(it, cid, "Where is it? Let me speak to a human")
    it.settle()
    it.advance(5)
    back(it, cid)
    it.settle()
    (new,) = [m.text for m in it.agent.turns[-1].messages if m.new and m.author.kind == "customer"]
    assert new == "Where is it? Let me speak to a human"
    assert it.session(cid).mode == "ai"


def test_a_copilot_needs_no_rules(make: Make) -> None:
    it = make(handover_rules=(HUMAN, AMOUNT, HandoverRule(unhelpful_turns=1)))
    cid = start(it)
    it.act(doors.set_copilot, it.session(cid).id, linked(), on=True)
    it.settle()
    it.advance(5)
    it.agent.next.append(Answer(messages=["Draft."], results={"refund": 900}, helpful=False))
    ask(it, cid, "speak to a human")
    it.settle()
    assert it.session(cid).mode == "copilot"
    assert len(it.agent.turns) == 2


def linked() -> Any:
    return doors.Caller(id="opr_aoife", name="Aoife", role="operator", as_operator=str(AOIFE))


# -- findings --------------------------------------------------------------------------------------


def test_a_result_above_its_limit(make_on_both: Make) -> None:
    it = make_on_both(handover_rules=(AMOUNT,), handover_message="Somebody is coming.")
    cid = start(it)
    it.agent.next.append(Answer(messages=["I cannot decide that."], results={"refund": 640}))
    ask(it, cid, "640 EUR back, please")
    it.settle()
    by_rule(it, cid, "refund is above 500")
    assert said(it, cid)[1:] == ["I cannot decide that.", "Somebody is coming."]
    assert pushed(it)[1:] == [
        ("last_words", "sent"), ("note", "sent"), ("notice", "sent"), ("assignment", "sent"),
    ]  # fmt: skip
    turn = it.turns()[-1]
    assert (turn.state, turn.why) == ("recorded", "handed over: refund is above 500")
    assert it.session(cid).results == {"refund": 640}
    assert "refund: 640" in next(m.text for m in it.history(cid, "note"))


def test_a_value_that_a_person_has_seen_is_old(make: Make) -> None:
    it = make(handover_rules=(AMOUNT,))
    cid = start(it)
    for refund, mode in ((500, "ai"), (501, "human")):
        it.agent.next.append(Answer(messages=["So."], results={"refund": refund}))
        ask(it, cid, str(refund))
        it.settle()
        assert it.session(cid).mode == mode
        it.advance(5)
    for refund, mode in ((501, "ai"), ("501.0", "ai"), (502, "human")):
        if it.session(cid).mode == "human":
            back(it, cid)
        it.agent.next.append(Answer(messages=["So."], results={"refund": refund}))
        it.settle()
        it.advance(5)
        ask(it, cid, f"and {refund}?")
        it.settle()
        assert it.session(cid).mode == mode, refund
        it.advance(5)


def test_the_agents_own_handover_goes_first(make: Make) -> None:
    it = make(handover_rules=(AMOUNT,))
    cid = start(it)
    request = HandoverRequest(trigger="automatic", reason="Refund", summary="x")
    it.agent.next.append(Answer(results={"refund": 640}, handover=request))
    ask(it, cid, "640 EUR back, please")
    it.settle()
    assert it.session(cid).handover["trigger"] == "automatic"


def test_a_rule_holds_though_the_agent_may_not_hand_over(make: Make) -> None:
    it = make(handover_rules=(AMOUNT,), allow_handover=False)
    cid = start(it)
    request = HandoverRequest(trigger="automatic", reason="Refund")
    it.agent.next.append(
        Answer(messages=["Bye."], results={"refund": 640}, handover=request, finish=True)
    )
    ask(it, cid, "640 EUR back, please")
    it.settle()
    by_rule(it, cid, "refund is above 500")
    assert it.session(cid).status == "active"
    assert "handover refused" in it.turns()[-1].why
    assert "handed over: refund" in it.turns()[-1].why


# -- answers that do not help ----------------------------------------------------------------------


def talk(it: Rig, cid: str, *answers: Answer, asking: str = "Question {}, please?") -> None:
    for number, answer in enumerate(answers):
        it.agent.next.append(answer)
        ask(it, cid, asking.format(number))
        it.settle()
        it.advance(5)


LOST = Answer(messages=["I am not sure."], helpful=False)


def test_so_many_in_a_row(make_on_both: Make) -> None:
    it = make_on_both(handover_rules=(HandoverRule(unhelpful_turns=3),))
    cid = start(it)
    talk(it, cid, LOST, LOST, Answer(messages=["It is blue."]), LOST, LOST)
    assert it.session(cid).mode == "ai"
    talk(it, cid, LOST)
    by_rule(it, cid, "3 answers in a row did not help")
    assert said(it, cid)[-1] == "I am not sure."
    assert [turn.helpful for turn in it.turns()] == [True, False, False, True, False, False, False]


def test_the_count_begins_anew_after_people(make: Make) -> None:
    it = make(handover_rules=(HandoverRule(unhelpful_turns=2, reason="Lost."),))
    cid = start(it)
    talk(it, cid, LOST, LOST)
    by_rule(it, cid, "Lost.")
    it.agent.next.append(Answer(messages=["Welcome back."]))
    back(it, cid)
    it.settle()
    it.agent.next.clear()
    it.advance(5)
    talk(it, cid, LOST)
    assert it.session(cid).mode == "ai"
    talk(it, cid, LOST)
    assert it.session(cid).mode == "human"


@pytest.mark.parametrize(
    ("answers", "asking"),
    [
        ([Answer(), Answer(messages=["  "])], "Question {}, please?"),
        ([Answer(messages=["Try again."])] * 3, "Question {}, please?"),
        (
            [Answer(messages=[f"Answer {number}."]) for number in range(3)],
            "Where is  my order",
        ),
    ],
    ids=["silence", "the same answer", "the same question"],
)
def test_what_does_not_help(make: Make, answers: list[Answer], asking: str) -> None:
    it = make(handover_rules=(HandoverRule(unhelpful_turns=2),))
    cid = start(it, "Something else")
    talk(it, cid, *answers[:-1], asking=asking)
    assert it.session(cid).mode == "ai"
    talk(it, cid, answers[-1], asking=asking)
    by_rule(it, cid, "2 answers in a row did not help")


def test_short_words_may_come_twice(make: Make) -> None:
    it = make(handover_rules=(HandoverRule(unhelpful_turns=1),))
    cid = start(it, "Something else")
    talk(it, cid, *[Answer(messages=[f"And {number}?"]) for number in range(4)], asking="Yes.")
    assert it.session(cid).mode == "ai"


def test_a_manual_handover_needs_no_rule(make: Make) -> None:
    it = make(handover_rules=(HUMAN,))
    cid = start(it)
    it.hand_over(it.session(cid).id, "by hand", SUPERVISOR)
    assert it.session(cid).handover["trigger"] == "manual"
