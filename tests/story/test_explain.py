"""Why the AI spoke and why it kept silent: each reason driven through the whole gateway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.conversations import doors
from gateway.conversations.doors import Caller
from gateway.errors import Never
from gateway.events import Answer, HandoverRequest, Later
from gateway.reading.explaining import find_explanations
from gateway.reading.reasons import _SENTENCES, OUTCOMES, Case, explain
from gateway.rules import HandoverRule
from intercom_standin.gate import ApiError
from tests.races.moves import ask, back, by_door, by_webhook, once, start
from tests.races.test_failed_deliveries import broken_takeover
from tests.rig import AOIFE, Rig
from tests.story.test_late import _read_it as read_it

DOCS = Path(__file__).parents[2] / "docs" / "explain.md"
AOIFE_HERE = Caller(id="opr_aoife", name="Aoife", role="operator", as_operator=str(AOIFE))
Make = Callable[..., Rig]


def explained(it: Rig, cid: str) -> list[dict[str, Any]]:
    with it.parts.database.read() as db:
        return list(find_explanations(db, it.session(cid).id).items)


def codes(it: Rig, cid: str) -> list[str]:
    return [one["code"] for one in explained(it, cid)]


def newest(it: Rig, cid: str) -> tuple[str, str, str]:
    """Outcome, code and sentence of the customer's last message."""
    last = explained(it, cid)[-1]
    return last["outcome"], last["code"], last["sentence"]


def test_it_answered(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    (only,) = explained(it, cid)
    assert (only["outcome"], only["code"]) == ("spoke", "answered")
    assert only["sentence"] == "The AI agent was in charge and answered."
    assert (only["mode"], only["epoch"], only["turn"]["state"]) == ("ai", 0, "recorded")
    answer = next(m for m in it.history(cid, "message") if m.author_kind == "ai")
    assert only["answers"] == [answer.id]


def test_it_will_be_asked_is_asked_and_its_answer_is_on_its_way(make_rig: Make) -> None:
    it = make_rig(agent_rules={"debounce_s": 5.0})
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.hear()
    assert newest(it, cid)[:2] == ("pending", "waiting")
    it.advance(6)
    it.agent.before.append(lambda _: seen.append(newest(it, cid)[:2]))
    seen: list[tuple[str, str]] = []
    it.work("turns")
    assert seen == [("pending", "asking")]
    assert newest(it, cid)[:2] == ("pending", "answer_owed")
    it.settle()
    assert newest(it, cid)[:2] == ("spoke", "answered")


def test_people_hold_the_session(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    by_webhook(it, cid)
    it.advance(5)
    ask(it, cid)
    it.settle()
    assert newest(it, cid) == (
        "silent", "with_people", "A person led the session when the customer wrote.",
    )  # fmt: skip
    assert explained(it, cid)[-1]["mode"] == "human"
    assert explained(it, cid)[-1]["turn"] is None
    it.advance(5)
    back(it, cid)
    it.settle()
    assert codes(it, cid) == ["answered", "answered_after_return"]


# -- each in a conversation of its own -------------------------------------------------------------


def taken_over_before(it: Rig, cid: str) -> None:
    ask(it, cid)
    by_webhook(it, cid)
    it.settle()


def taken_over_meanwhile(it: Rig, cid: str) -> None:
    ask(it, cid)
    it.agent.before.append(lambda _: by_door(it, cid))
    it.settle()


def answer_withdrawn(it: Rig, cid: str) -> None:
    ask(it, cid)
    it.work("turns")
    by_webhook(it, cid)
    it.settle()


def answered_overlapping(it: Rig, cid: str) -> None:
    ask(it, cid)
    once(it, "before_effect", "reply", lambda: by_door(it, cid))
    it.settle()


def answer_undelivered(it: Rig, cid: str) -> None:
    def refuse(call: Any) -> None:
        if call.kind == "reply":
            raise ApiError(422, "parameter_invalid", "not this one")

    ask(it, cid)
    it.standin.faults.hooks.before_effect = refuse
    it.settle()


def agent_failed(it: Rig, cid: str) -> None:
    it.agent.next.append(Never("HTTP 404"))
    ask(it, cid)
    it.settle()


def asking(it: Rig, cid: str) -> None:
    it.agent.next.append(Later())
    ask(it, cid)
    it.work("turns")


def nothing_to_say(it: Rig, cid: str) -> None:
    answered_with(it, cid, Answer())


def handed_over_by_ai(it: Rig, cid: str) -> None:
    answered_with(it, cid, Answer(handover=REFUND))


def answered_and_handed_over(it: Rig, cid: str) -> None:
    answered_with(it, cid, Answer(messages=["A moment."], handover=REFUND))


def finished_by_ai(it: Rig, cid: str) -> None:
    answered_with(it, cid, Answer(finish=True))


def answered_and_finished(it: Rig, cid: str) -> None:
    answered_with(it, cid, Answer(messages=["Bye."], finish=True))


def drafted(it: Rig, cid: str) -> None:
    with_copilot(it, cid)
    ask(it, cid)
    it.settle()


def superseded(it: Rig, cid: str) -> None:
    def speak(_: object) -> None:
        it.advance(1)
        it.world.admin_replies(cid, AOIFE, "Tomorrow.")
        it.hear()

    with_copilot(it, cid)
    ask(it, cid)
    it.agent.before.append(speak)
    it.settle()


def finished_before(it: Rig, cid: str) -> None:
    ask(it, cid)
    session = it.session(cid).id
    it.agent.before.append(lambda _: it.act(doors.finish, session, AOIFE_HERE, reason="done"))
    it.settle()


def found_late(it: Rig, cid: str) -> None:
    lost_for(it, cid, 3_600)


def history(it: Rig, cid: str) -> None:
    lost_for(it, cid, 2 * 86_400)


def held(it: Rig, cid: str) -> None:
    ask(it, cid)
    it.work("turns")
    broken_takeover(it, cid)


def answered_with(it: Rig, cid: str, answer: Answer) -> None:
    it.agent.next.append(answer)
    ask(it, cid)
    it.settle()


def with_copilot(it: Rig, cid: str) -> None:
    it.act(doors.set_copilot, it.session(cid).id, AOIFE_HERE, on=True)
    it.settle()
    it.advance(5)


def lost_for(it: Rig, cid: str, seconds: int) -> None:
    """The customer writes, no notification comes, and a read finds it so much later."""
    it.world.customer_replies(cid, "Anybody?")
    it.standin.notifier.take()
    it.advance(seconds)
    read_it(it, cid)
    it.settle()


REFUND = HandoverRequest(trigger="automatic", reason="refund")
STORIES = (
    taken_over_before, taken_over_meanwhile, answer_withdrawn, answered_overlapping,
    answer_undelivered, agent_failed, nothing_to_say, handed_over_by_ai, answered_and_handed_over,
    finished_by_ai, answered_and_finished, drafted, superseded, finished_before, found_late,
    history, asking, held,
)  # fmt: skip
ADDED = {
    "taken_over_before": "the session was handed to people (assignee)",
    "taken_over_meanwhile": "the session was handed to people (manual)",
    "agent_failed": "HTTP 404",
}


def test_each_reason_is_told_by_its_code(it: Rig) -> None:
    told: dict[str, str] = {}
    for story in STORIES:
        cid = start(it)
        story(it, cid)
        outcome, code, sentence = newest(it, cid)
        told[story.__name__] = code
        assert outcome == OUTCOMES[code]
        more = ADDED.get(code)
        assert more is None or sentence.endswith(f": {more}."), sentence
        it.standin.faults.hooks.before_effect = None
        it.agent.next.clear()
        it.agent.before.clear()
    assert told == {name: name for name in told}


def test_it_may_not_hand_over(make_rig: Make) -> None:
    it = make_rig(agent_rules={"allow_handover": False})
    cid = start(it)
    it.agent.next.append(Answer(handover=HandoverRequest(trigger="automatic", reason="refund")))
    ask(it, cid)
    it.settle()
    assert newest(it, cid) == (
        "silent", "handover_refused",
        "The AI agent asked for people without a word of its own, which its settings do not "
        "allow: allow_handover is off for this agent.",
    )  # fmt: skip


def test_a_rule_gives_it_to_people(make_rig: Make) -> None:
    it = make_rig(agent_rules={"handover_rules": (HandoverRule(phrases=("lawyer",)),)})
    cid = start(it)
    ask(it, cid, "I will call my lawyer")
    it.settle()
    outcome, code, sentence = newest(it, cid)
    assert (outcome, code) == ("silent", "rule")
    assert "lawyer" in sentence


def test_it_has_answered_enough(make_rig: Make) -> None:
    it = make_rig(agent_rules={"max_answers_a_day": 1})
    cid = start(it)
    ask(it, cid)
    it.settle()
    outcome, code, sentence = newest(it, cid)
    assert (outcome, code) == ("silent", "limit")
    assert sentence.endswith("Limit: 1 answers of the AI within 24 hours.")


def test_the_door_tells_it_in_pages(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.settle()
    session = it.session(cid).id
    token = it.token("viewer")
    whole = it.api("GET", f"/sessions/{session}/explain", token).json()
    assert [one["code"] for one in whole["items"]] == ["answered", "answered"]
    assert whole["next_cursor"] is None
    first = it.api("GET", f"/sessions/{session}/explain?limit=1", token).json()
    cursor = first["next_cursor"]
    second = it.api("GET", f"/sessions/{session}/explain?limit=1&cursor={cursor}", token).json()
    assert first["items"] + second["items"] == whole["items"]
    missing = it.api("GET", f"/sessions/ses_{'0' * 26}/explain", token)
    assert missing.status_code == 404


def test_every_code_has_a_sentence_and_is_told_in_the_docs() -> None:
    assert set(OUTCOMES) == set(_SENTENCES)
    page = DOCS.read_text()
    for code, outcome in OUTCOMES.items():
        assert f"| `{code}` | {outcome} |" in page, code


def test_what_the_record_does_not_tell_is_not_made_up() -> None:
    assert explain(Case(mode="ai", turn=None)) == ("unexplained", None)
