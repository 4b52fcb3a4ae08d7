"""Handing over and back through the public doors: DESIGN.md 1.1, M2-M5, M8-M11 and M14."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.events import Answer, HandoverRequest
from tests.rig import AOIFE, BOT, MAREK, TEAM, Rig

WHEN = "22 Nov 2026, 16:0"


def start(it: Rig, text: str = "Where is my order?") -> tuple[str, str]:
    cid = str(it.world.customer_starts(text, name="Cleo").conversation.id)
    it.settle()
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    return cid, it.session(cid).id


def lines(it: Rig, session_id: str, token: str) -> list[tuple[str, str]]:
    items = it.api("GET", f"/sessions/{session_id}/messages", token).json()["items"]
    return [(item["kind"], item["text"]) for item in items]


def test_manual_handover_from_button_to_intercom(on_both: Rig) -> None:
    it = on_both
    token = it.token()
    cid, sid = start(it)
    session = it.api("GET", f"/sessions/{sid}", token).json()
    assert session["status"] == "active"
    assert session["handover"] == {"allowed": True, "reason": None}

    answer = it.api("POST", f"/sessions/{sid}/handover", token, reason="angry customer")
    assert (answer.status_code, answer.json()["message"]) == (200, "Session set to operator")

    session = it.api("GET", f"/sessions/{sid}", token).json()
    assert session["mode"] == "human"
    assert session["responsible"]["kind"] == "unassigned"
    assert session["waiting_since"] is not None
    assert session["last_handover"]["trigger"] == "manual"
    assert session["last_handover"]["reason"] == "angry customer"
    assert session["last_handover"]["by"]["name"] == "Sam Supervisor"
    assert session["handover"] == {
        "allowed": False, "reason": "Session is already handled by an operator",
    }  # fmt: skip
    markers = [text for kind, text in lines(it, sid, token) if kind == "marker"]
    assert markers[0].startswith(f"Transfer to human agent at {WHEN}")

    it.world.customer_replies(cid, "Hello?")
    it.settle()
    assert len(it.said_by_bot(cid)) == 1
    parts = it.world.conversations[cid].parts
    note = next(part for part in parts if part.part_type == "note")
    assert "angry customer" in note.body
    (noted,) = [text for kind, text in lines(it, sid, token) if kind == "note"]
    assert "angry customer" in noted
    assert it.world.conversations[cid].holding.admin_id is None
    assert it.session(cid).mode == "human"


@pytest.mark.parametrize("trigger", ["automatic", "customer_request"])
def test_the_agent_hands_over_with_its_last_words(
    make_rig: Callable[..., Rig], trigger: str
) -> None:
    it = make_rig(
        hand_over_to=f"team:{TEAM}", agent_rules={"handover_message": "Somebody is coming."}
    )
    token = it.token()
    cid, sid = start(it)
    it.agent.next.append(
        Answer(
            messages=["I pass you on."],
            results={"amount": "600 EUR"},
            handover=HandoverRequest(trigger=trigger, reason="refund", summary="Wants 600 EUR."),
        )
    )
    it.advance(5)
    it.world.customer_replies(cid, "Refund me 600 EUR")
    it.settle()
    session = it.api("GET", f"/sessions/{sid}", token).json()
    assert (session["mode"], session["last_handover"]["trigger"]) == ("human", trigger)
    assert session["results"] == {"amount": "600 EUR"}
    after = [p for p in it.world.conversations[cid].parts if str(p.author.id) == BOT][-4:]
    assert [p.part_type for p in after] == ["comment", "note", "comment", "assignment"]
    assert "I pass you on." in after[0].body
    assert all(word in after[1].body for word in ("refund", "Wants 600 EUR.", "600 EUR"))
    assert "Somebody is coming." in after[2].body
    assert it.world.conversations[cid].holding.team_id == TEAM
    assert it.session(cid).responsible_team == str(TEAM)


@pytest.mark.parametrize(
    ("rules", "trigger"),
    [
        ({"allow_handover": False}, "automatic"),
        ({"allow_customer_request": False}, "customer_request"),
    ],
)
def test_a_handover_that_the_configuration_forbids_is_refused_and_recorded(
    make_rig: Callable[..., Rig], rules: dict[str, bool], trigger: str
) -> None:
    it = make_rig(agent_rules=rules)
    cid, _ = start(it)
    request = HandoverRequest(trigger=trigger, reason="x")
    it.agent.next.append(Answer(messages=["I try."], handover=request))
    it.advance(5)
    it.world.customer_replies(cid, "Give me a human")
    it.settle()
    assert it.session(cid).mode == "ai"
    assert it.texts(cid)[-1] == "ai: I try."
    assert "handover refused" in it.turns()[-1].why


def test_the_three_refusals_in_their_exact_words(on_both: Rig) -> None:
    it = on_both
    admin, viewer = it.token(), it.token("viewer", "Vera Viewer")
    cid, sid = start(it)
    forbidden = "You do not have permission to hand over sessions"
    refused = it.api("POST", f"/sessions/{sid}/handover", viewer)
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, forbidden)
    seen = it.api("GET", f"/sessions/{sid}", viewer).json()
    assert seen["handover"] == {"allowed": False, "reason": forbidden}
    assert it.session(cid).mode == "ai"

    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    handled = it.api("POST", f"/sessions/{sid}/handover", admin)
    assert (handled.status_code, handled.json()["error"]["message"]) == (
        409, "Session is already handled by an operator",
    )  # fmt: skip

    it.world.close(cid, by=AOIFE)
    it.settle()
    finished = it.api("POST", f"/sessions/{sid}/handover", admin)
    assert (finished.status_code, finished.json()["error"]["message"]) == (
        409, "Session is already finished",
    )  # fmt: skip
    # permission comes first, whatever the state
    assert it.api("POST", f"/sessions/{sid}/handover", viewer).status_code == 403


def test_changes_made_inside_intercom_leave_both_markers(it: Rig) -> None:
    token = it.token()
    cid, sid = start(it)
    it.world.assign(cid, AOIFE, by=MAREK)
    it.settle()
    it.world.admin_replies(cid, AOIFE, "Hello, Aoife here.")
    it.settle()
    markers = [text for kind, text in lines(it, sid, token) if kind == "marker"]
    assert markers[0].startswith(f"Transfer to human agent at {WHEN}")
    assert markers[1].startswith(f"Aoife Byrne was assigned by Marek Nowak at {WHEN}")
    session = it.api("GET", f"/sessions/{sid}", token).json()
    assert session["responsible"]["name"] == "Aoife Byrne"
    assert ("message", "Hello, Aoife here.") in lines(it, sid, token)


def test_hand_back_assigns_the_bot_before_the_ai_speaks(on_both: Rig) -> None:
    it = on_both
    token = it.token()
    cid, sid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.customer_replies(cid, "Anybody?")
    it.settle()
    it.advance(5)
    assert it.api("POST", f"/sessions/{sid}/hand_back", token).status_code == 200
    it.settle()
    assert it.session(cid).mode == "ai"
    last = it.world.conversations[cid].parts[-2:]
    assert last[0].part_type == "assignment"
    assert "AI: Anybody?" in last[1].body
    assert str(it.world.conversations[cid].holding.admin_id) == BOT


def test_an_operators_words_reach_the_customer_as_their_own(it: Rig) -> None:
    token = it.token("operator", "Aoife Byrne", link=str(AOIFE))
    cid, sid = start(it)
    assert it.api("POST", f"/sessions/{sid}/messages", token, text="Aoife here.").status_code < 300
    it.settle()
    session = it.session(cid)
    assert (session.mode, session.responsible_id) == ("human", str(AOIFE))
    assert it.texts(cid)[-1] == "operator: Aoife here."
    assert it.texts(cid).count("operator: Aoife here.") == 1
    posted = [p for p in it.world.conversations[cid].parts if "Aoife here." in (p.body or "")]
    assert [str(p.author.id) for p in posted] == [str(AOIFE)]
    assert it.world.conversations[cid].holding.admin_id == AOIFE


def test_an_operator_without_a_link_is_told_what_to_do(it: Rig) -> None:
    token = it.token("operator", "Olga Operator")
    _, sid = start(it)
    refused = it.api("POST", f"/sessions/{sid}/messages", token, text="Hi")
    assert refused.status_code == 409
    assert "--link acme-intercom:ADMIN_ID" in refused.json()["error"]["message"]
    assert it.session().mode == "ai"


def test_finish_closes_in_intercom_and_the_customer_starts_anew(it: Rig) -> None:
    token = it.token()
    cid, sid = start(it)
    assert it.api("POST", f"/sessions/{sid}/finish", token).status_code == 200
    it.settle()
    assert it.world.conversations[cid].state == "closed"
    assert it.session(cid).status == "finished"
    it.advance(5)
    it.world.customer_replies(cid, "Me again")
    it.settle()
    assert [s.status for s in it.sessions(cid)] == ["finished", "active"]
    assert it.texts(cid)[-1] == "ai: AI: Me again"


def test_copilot_drafts_for_the_operator_whose_session_it_is(it: Rig) -> None:
    token = it.token("operator", "Aoife Byrne", link=str(AOIFE))
    cid, sid = start(it)
    assert it.api("POST", f"/sessions/{sid}/copilot", token, on=True).status_code == 200
    it.settle()
    session = it.session(cid)
    assert (session.mode, session.responsible_id) == ("copilot", str(AOIFE))
    assert it.world.conversations[cid].holding.admin_id == AOIFE
    it.advance(5)
    it.world.customer_replies(cid, "And tomorrow?")
    it.settle()
    assert it.session(cid).mode == "copilot"
    assert len(it.said_by_bot(cid)) == 1
    assert "AI: And tomorrow?" in it.world.conversations[cid].parts[-1].body
    assert it.world.conversations[cid].parts[-1].part_type == "note"


def test_the_agent_finishes(it: Rig) -> None:
    cid, _ = start(it)
    it.agent.next.append(Answer(messages=["Bye!"], finish=True))
    it.advance(5)
    it.world.customer_replies(cid, "Thanks, that is all")
    it.settle()
    assert it.session(cid).status == "finished"
    assert "Bye!" in it.said_by_bot(cid)[-1]
    assert it.world.conversations[cid].state == "closed"


def test_no_dead_air(it: Rig) -> None:
    from gateway.errors import Again

    token = it.token()
    cid, sid = start(it)
    it.advance(5)
    it.agent.next += [Again("the agent answered 503")] * 20
    it.world.customer_replies(cid, "Hello?")
    for _ in range(12):
        it.hear()
        it.work()
        it.advance(3)
    session = it.api("GET", f"/sessions/{sid}", token).json()
    assert (session["mode"], session["last_handover"]["trigger"]) == ("human", "fault")
    assert session["last_handover"]["reason"] == "AI agent unavailable"
    assert any(p.part_type == "note" for p in it.world.conversations[cid].parts)


def test_two_answers_stand_in_the_order_in_which_they_are_said(it: Rig) -> None:
    token = it.token()
    cid, sid = start(it)
    it.agent.next.append(Answer(messages=["First.", "Second."]))
    it.advance(5)
    it.world.customer_replies(cid, "And?")
    it.hear()
    it.work("turns")
    it.advance(3)  # Intercom's second is later than the one in which the answer was recorded
    (conversation,) = it.bench.works["deliver"].due(1)
    it.standin.faults.hooks.before_effect = lambda call: _fail_second(it, call)
    it.bench.works["deliver"].do(conversation)
    it.standin.faults.hooks.before_effect = None
    said = [text for kind, text in lines(it, sid, token) if kind == "message"]
    assert said[-2:] == ["First.", "Second."]


def _fail_second(it: Rig, call: object) -> None:
    """After the first reply Intercom has no time for more."""
    it.standin.faults.add("rate_limited", where="reply", count=None)


def test_a_persons_session_is_never_idle(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(agent_rules={"idle_timeout_s": 3600.0})
    cid, _ = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(100_000)
    it.work("upkeep")
    assert it.session(cid).status == "active"


def test_an_idle_session_is_finished(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(agent_rules={"idle_timeout_s": 3600.0})
    cid, _ = start(it)
    it.work("upkeep")
    assert it.session(cid).status == "active"
    it.advance(4000)
    it.work("upkeep")
    it.settle()
    assert it.session(cid).status == "finished"
    assert it.world.conversations[cid].state == "closed"
