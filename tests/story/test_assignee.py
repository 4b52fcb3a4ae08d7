"""The Assignee is the switch: DESIGN.md 3.1, row after row, through signed notifications."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rig import AOIFE, BOT, MAREK, TEAM, Rig


def start(it: Rig, text: str = "Where is my order?", **more: object) -> str:
    cid = str(it.world.customer_starts(text, name="Cleo", **more).conversation.id)
    it.settle()
    it.advance(5)
    return cid


def test_the_ai_answers_a_new_conversation(on_both: Rig) -> None:
    cid = start(on_both)
    assert on_both.texts(cid) == ["customer: Where is my order?", "ai: AI: Where is my order?"]
    assert on_both.session(cid).mode == "ai"
    assert len(on_both.said_by_bot(cid)) == 1


def test_assigning_a_teammate_silences_the_ai_at_once(on_both: Rig) -> None:
    cid = start(on_both)
    on_both.world.assign(cid, AOIFE, by=MAREK)
    on_both.hear()  # no worker has run
    session = on_both.session(cid)
    assert (session.mode, session.responsible_kind, session.responsible_id) == (
        "human", "operator", str(AOIFE),
    )  # fmt: skip
    assert session.waiting_since is None
    assert on_both.markers(cid) == ["handover", "assigned"]
    on_both.world.customer_replies(cid, "Are you there?")
    on_both.settle()
    assert len(on_both.said_by_bot(cid)) == 1


def test_assigned_back_to_the_bot_the_ai_goes_on_and_knows_what_was_said(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.customer_replies(cid, "I want my money back")
    it.settle()
    it.advance(5)
    it.world.admin_replies(cid, AOIFE, "I have refunded you.")
    it.settle()
    it.advance(5)
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert len(it.said_by_bot(cid)) == 1  # nothing is unanswered
    it.advance(5)
    it.world.customer_replies(cid, "Thanks! And my next order?")
    it.settle()
    assert len(it.said_by_bot(cid)) == 2
    told = [(m.author.kind, m.text, m.new) for m in it.agent.turns[-1].messages]
    assert ("operator", "I have refunded you.", True) in told
    assert it.markers(cid) == ["handover", "assigned", "returned"]
    assert len(it.sessions(cid)) == 1


def test_the_return_answers_what_nobody_answered(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.customer_replies(cid, "Hello?")
    it.settle()
    it.advance(5)
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    assert it.texts(cid)[-1] == "ai: AI: Hello?"
    assert it.agent.turns[-1].cause == "returned"


def test_a_team_alone_is_human_and_unassigned(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, f"team:{TEAM}", by=AOIFE)
    it.settle()
    session = it.session(cid)
    assert (session.mode, session.responsible_kind, session.responsible_team) == (
        "human", "unassigned", str(TEAM),
    )  # fmt: skip
    assert session.waiting_since is not None


def test_unassigned_later_keeps_the_mode(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.assign(cid, "nobody", by=AOIFE)
    it.settle()
    session = it.session(cid)
    assert (session.mode, session.responsible_kind) == ("human", "unassigned")


@pytest.mark.parametrize(("setting", "mode"), [("keep", "human"), ("ai", "ai"), ("human", "human")])
def test_on_unassigned(make_rig: Callable[..., Rig], setting: str, mode: str) -> None:
    it = make_rig(on_unassigned=setting)
    cid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.assign(cid, "nobody", by=AOIFE)
    it.settle()
    assert it.session(cid).mode == mode


def test_unassigned_is_not_answered_where_only_the_bot_is(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(answer_when=("bot",))
    cid = start(it)
    assert it.session(cid).mode == "human"
    assert it.said_by_bot(cid) == []
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert len(it.said_by_bot(cid)) == 1


def test_fin_silences_us(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, "fin", by=AOIFE)
    it.settle()
    session = it.session(cid)
    assert (session.mode, session.responsible_kind) == ("human", "bot")


def test_a_teammate_who_replies_takes_over_and_intercom_is_told(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.admin_replies(cid, MAREK, "Let me help you myself.")
    it.hear()
    session = it.session(cid)
    assert (session.mode, session.responsible_id) == ("human", str(MAREK))
    assert session.handover["trigger"] == "reply"
    it.settle()
    assert it.world.conversations[cid].holding.admin_id == MAREK
    assert [(p.role, p.state) for p in it.pushes()][-1] == ("assignment", "sent")
    assert it.session(cid).mode == "human"


def test_takeover_on_reply_can_be_off(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(takeover_on_reply=False)
    cid = start(it)
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    it.world.admin_replies(cid, MAREK, "By the way.")
    it.settle()
    assert it.session(cid).mode == "ai"


def test_a_conversation_started_by_an_admin_is_human(it: Rig) -> None:
    contact = it.world.customer_starts("Hi", name="Cleo").contact
    it.settle()
    cid = str(it.world.admin_starts(AOIFE, "We have news.", contact_id=contact.id).conversation.id)
    it.settle()
    it.advance(5)
    it.world.customer_replies(cid, "Which?")
    it.settle()
    assert it.session(cid).mode == "human"
    assert it.said_by_bot(cid) == []


def test_a_close_finishes_and_the_next_message_starts_anew(it: Rig) -> None:
    cid = start(it)
    it.world.close(cid, by=AOIFE)
    it.settle()
    assert it.session(cid).status == "finished"
    it.advance(5)
    it.world.customer_replies(cid, "One more thing")
    it.settle()
    first, second = it.sessions(cid)
    assert (first.status, second.status, second.mode) == ("finished", "active", "ai")
    assert it.texts(cid)[-1] == "ai: AI: One more thing"
    told = [m.text for m in it.agent.turns[-1].messages]
    assert told == ["One more thing"]


def test_closed_under_a_person_the_next_session_is_human(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.close(cid, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.customer_replies(cid, "One more thing")
    it.settle()
    assert [s.mode for s in it.sessions(cid)] == ["human", "human"]
    assert len(it.said_by_bot(cid)) == 1


def test_staff_words_after_a_close_stay_in_the_finished_session(it: Rig) -> None:
    cid = start(it)
    it.world.close(cid, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.admin_replies(cid, AOIFE, "P.S. have a nice day")
    it.settle()
    it.world.open(cid, by=AOIFE)
    it.settle()
    assert len(it.sessions(cid)) == 1
    assert it.texts(cid)[-1] == "operator: P.S. have a nice day"
    assert it.session(cid).status == "finished"


def test_snoozing_is_only_a_marker(it: Rig) -> None:
    cid = start(it)
    it.world.snooze(cid, by=AOIFE, until=it.clock.now().timestamp() + 3600)
    it.settle()
    assert it.session(cid).mode == "ai"
    assert it.markers(cid) == ["snoozed"]


def test_fin_writing_is_logged_and_warned_of_once(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    it.world.fin_writes(cid, "I am Fin.")
    it.world.fin_writes(cid, "Still Fin.")
    it.settle()
    assert it.session(cid).mode == "ai"
    assert it.markers(cid).count("other_bot") == 1
    assert "bot: I am Fin." in it.texts(cid)


def test_other_bot_human(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(other_bot="human")
    cid = start(it)
    it.world.fin_writes(cid, "I am Fin.")
    it.settle()
    assert it.session(cid).mode == "human"


@pytest.mark.parametrize(("setting", "mode"), [("human", "human"), ("ai", "ai")])
def test_email_conversations(make_rig: Callable[..., Rig], setting: str, mode: str) -> None:
    it = make_rig(email_conversations=setting)
    cid = start(it, source_type="email")
    assert it.session(cid).mode == mode


def test_first_mode_copilot_drafts_as_notes(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(first_mode="copilot")
    cid = start(it)
    assert it.session(cid).mode == "copilot"
    assert it.said_by_bot(cid) == []
    assert [(m.kind, m.text) for m in it.history(cid) if m.kind == "draft"] == [
        ("draft", "AI: Where is my order?")
    ]
    assert [p.part_type for p in it.world.conversations[cid].parts][-1] == "note"


def test_ai_teams_are_answered(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(ai_teams=(str(TEAM),))
    cid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.assign(cid, f"team:{TEAM}", by=AOIFE)
    it.settle()
    assert it.session(cid).mode == "ai"


def test_a_delivery_seen_again_changes_nothing(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    before = (it.history(cid), it.sessions(cid))
    for delivery in list(it.standin.notifier.log):
        assert it.standin.notifier.redeliver(delivery) == 200
    it.work()
    assert (it.history(cid), it.sessions(cid)) == before


def test_a_deleted_conversation_is_over(it: Rig) -> None:
    cid = start(it)
    it.world.delete_conversation(cid)
    it.hear()
    assert it.session(cid).status == "finished"


def test_foreign_workspaces_are_kept_apart(it: Rig) -> None:
    start(it)
    it.standin.notifier.app_id = "another"
    it.world.customer_starts("Hello", name="Somebody else")
    assert {d.status for d in it.hear()} == {200}
    assert len(it.sessions()) == 1
