"""M2-M5, M9 and M10: the change of hands, through the API, with a helpdesk and without one."""

from collections.abc import Callable
from datetime import timedelta

from gateway.events import Answer, HandoverRequest
from tests.mission.worlds import AOIFE_, MOMENT, SAM, VERA, WHEN, Session, World

FINISHED = "Session is already finished"
HANDLED = "Session is already handled by an operator"
NOT_PERMITTED = "You do not have permission to hand over sessions"


def begin(it: World, text: str = "Where is my parcel?") -> Session:
    """A session in which the AI has answered once."""
    session = Session(it, it.begin(text))
    it.wait(5)
    assert session.now()["mode"] == "ai"
    return session


def asked_for(trigger: str) -> Answer:
    request = HandoverRequest(
        trigger=trigger, reason="a refund of 600 EUR", summary="Wants it back"
    )
    return Answer(messages=["I pass you on."], handover=request)


# -- M2: three triggers, kept with who, why and when -----------------------------------------------


def test_m2_manual_handover_keeps_who_why_and_when(it: World) -> None:
    session = begin(it)
    it.move_to(MOMENT)
    session.done("handover", reason="the customer is upset")
    kept = session.now()["last_handover"]
    assert kept == {
        "trigger": "manual",
        "reason": "the customer is upset",
        "by": {"kind": "operator", "id": it.ids[SAM], "name": SAM},
        "at": "2026-11-24T07:08:00Z",
    }
    session.done("finish")
    assert session.now()["last_handover"] == kept, "also afterwards"


def test_m2_the_ai_hands_over_by_its_conditions_or_because_the_customer_asks(it: World) -> None:
    for trigger in ("automatic", "customer_request"):
        session = begin(it)
        it.agent.next.append(asked_for(trigger))
        session.writes("I want my 600 EUR back from a person")
        told = session.now()
        assert told["mode"] == "human"
        kept = told["last_handover"]
        assert (kept["trigger"], kept["reason"]) == (trigger, "a refund of 600 EUR")
        assert kept["by"] == {"kind": "ai", "id": None, "name": "support"}
        assert kept["at"] == told["waiting_since"]
        assert session.sees()[-1] == "AI: I pass you on.", "its last words are said"
        (note,) = session.lines("note")
        assert all(word in note["text"] for word in ("a refund of 600 EUR", "Wants it back"))


def test_m2_what_the_instructions_do_not_allow_does_not_happen(
    make_world: Callable[..., World],
) -> None:
    it = make_world(allow_customer_request=False)
    session = begin(it)
    it.agent.next.append(asked_for("customer_request"))
    session.writes("A person, please")
    told = session.now()
    assert (told["mode"], told["last_handover"]) == ("ai", None)
    assert session.sees()[-1] == "AI: I pass you on."
    session.writes("Hello?")
    assert session.sees()[-1] == "AI: AI: Hello?", "the AI is still in charge"
    it.agent.next.append(asked_for("automatic"))
    session.writes("My 600 EUR!")
    assert session.now()["last_handover"]["trigger"] == "automatic", "which is something else"


# -- M3 and M4 -------------------------------------------------------------------------------------


def test_m3_active_sessions_can_be_told_and_the_confirmation_is_the_missions(it: World) -> None:
    session = begin(it)
    told = session.now()
    assert (told["status"], told["agent"]) == ("active", "support"), "what the dot pulses for"
    assert told["handover"] == {"allowed": True, "reason": None}, "the button can be pressed"
    answer = session.do("handover")
    assert (answer.status, answer.json["message"]) == (200, "Session set to operator")
    assert answer.json["session"] == session.now()
    assert answer.json["in_flight"] == 0


def test_m4_after_it_the_ai_says_nothing_more(it: World) -> None:
    session = begin(it)
    before = session.sees()
    session.done("handover")
    turns = len(it.agent.turns)
    for text in ("Hello?", "Is anybody there?"):
        session.writes(text)
    assert session.sees() == [*before, "Customer: Hello?", "Customer: Is anybody there?"]
    assert len(it.agent.turns) == turns, "it is not even asked"


def test_m4_an_answer_that_is_thought_out_meanwhile_is_discarded(it: World) -> None:
    session = begin(it)
    before = session.sees()
    it.agent.before.append(lambda turn: session.do("handover"))
    session.writes("And when?")
    assert session.sees() == [*before, "Customer: And when?"]
    (line,) = [one for one in session.lines("message") if one["state"] == "discarded"]
    assert line["text"] == "AI: And when?"
    assert line["why"] == "the session was handed to people (manual)"


# -- M5 --------------------------------------------------------------------------------------------


def test_m5_the_marker_to_the_letter_in_the_workspaces_time_zone(it: World) -> None:
    session = begin(it)
    it.move_to(MOMENT + timedelta(seconds=59))
    session.done("handover")
    assert session.markers()[0] == f"Transfer to human agent at {WHEN}"
    (line,) = [one for one in session.lines("marker") if "Transfer" in one["text"]]
    assert line["author"]["kind"] == "system"
    texts = [one["text"] for one in session.lines("message", "marker")]
    assert texts.index(line["text"]) == 2, "after the two messages"


def test_m5_the_same_marker_where_the_ai_hands_over(it: World) -> None:
    session = begin(it)
    it.move_to(MOMENT - timedelta(seconds=5))
    it.agent.next.append(asked_for("automatic"))
    session.writes("A person, please")
    assert session.markers()[0] == f"Transfer to human agent at {WHEN}"


# -- M9 and M10 ------------------------------------------------------------------------------------


def in_mode(it: World, mode: str) -> Session:
    session = begin(it)
    if mode == "human":
        session.done("handover")
    if mode == "copilot":
        session.done("copilot", AOIFE_, on=True)
    assert session.now()["mode"] == mode
    return session


def refused(session: Session, who: str, status: int, sentence: str) -> None:
    """The API refuses somebody with the very words that the session tells them before."""
    told = session.now(who)
    assert told["handover"] == {"allowed": False, "reason": sentence}
    assert session.do("handover", who).refusal == (status, sentence)
    assert session.now(who) == told, "nothing changed"


def test_m9_without_permission(it: World) -> None:
    session = begin(it)
    refused(session, VERA, 403, NOT_PERMITTED)
    assert session.now()["handover"]["allowed"]


def test_m9_already_handled_by_an_operator(it: World) -> None:
    for mode in ("human", "copilot"):
        session = in_mode(it, mode)
        refused(session, SAM, 409, HANDLED)
        refused(session, AOIFE_, 409, HANDLED)
        refused(session, VERA, 403, NOT_PERMITTED)


def test_m9_m10_already_finished(it: World) -> None:
    for mode in ("ai", "human", "copilot"):
        session = in_mode(it, mode)
        session.done("finish", AOIFE_)
        assert (session.now()["status"], session.now()["mode"]) == ("finished", mode)
        refused(session, SAM, 409, FINISHED)
        refused(session, VERA, 403, NOT_PERMITTED)


def test_m10_the_next_message_starts_a_new_session(it: World) -> None:
    session = begin(it)
    session.done("finish")
    it.wait(5)
    over = session.now()
    session.writes("One more thing")
    newest, oldest = session.all()
    assert (oldest["id"], newest["status"]) == (session.id, "active")
    assert session.now() == over, "what is finished stays as it was"
    later = Session(it, session.conversation, newest["id"])
    assert later.said()[0] == "Customer: One more thing"
    assert "Customer: One more thing" not in session.said()
    assert later.now()["mode"] == "ai"
    assert session.sees()[-1] == "AI: AI: One more thing"
    assert later.do("handover").status == 200, "and this one can be handed over"
