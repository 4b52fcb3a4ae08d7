"""The rules of DESIGN.md section 3 that no table shows, one test each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.events import NOBODY, Assignee
from gateway.handover import BY_AI
from tests.handover.facts import (
    AI,
    AOIFE,
    BOT,
    FIN,
    MAREK,
    SAM,
    TEAM,
    TO_AOIFE,
    TO_FIN,
    TO_MAREK,
    assigns,
    closes,
    copilot,
    finishes,
    hands_back,
    hands_over,
    kinds,
    last,
    notes,
    reopens,
    says,
    sees,
    snoozes,
    told,
)

SECOND = 1_000_000


# -- the assignee --------------------------------------------------------------------------------


def test_a_part_beats_the_snapshot_beside_it() -> None:
    assert last(says(1), assigns(2, TO_AOIFE), sees(2, NOBODY)).mode == "human"
    assert last(says(1), assigns(2, TO_AOIFE), sees(2, BOT)).responsible.id == AOIFE.id


def test_only_a_change_of_assignee_acts() -> None:
    assert kinds(says(1), assigns(2, TO_AOIFE), assigns(3, TO_AOIFE)) == ["handover", "assigned"]
    # Handed back here, and the channel repeats what it said before.
    again = last(says(1), assigns(2, TO_AOIFE), hands_back(3), assigns(4, TO_AOIFE))
    assert again.mode == "ai"


def test_the_team_behind_a_teammate_makes_no_difference() -> None:
    in_team = replace(TO_AOIFE, team=TEAM.id)
    assert kinds(says(1), assigns(2, TO_AOIFE), assigns(3, in_team)) == ["handover", "assigned"]


def test_a_snapshot_only_moves_towards_silence() -> None:
    assert last(says(1), assigns(2, BOT), sees(3, TO_AOIFE)).mode == "human"
    assert last(says(1), assigns(2, TO_AOIFE), sees(3, BOT)).mode == "human"
    assert last(says(1), assigns(2, TO_AOIFE), sees(3, NOBODY)).responsible.id == AOIFE.id


def test_a_snapshot_alone_is_an_assumption_and_names_nobody() -> None:
    story = told(says(1), assigns(2, BOT), sees(3, TO_AOIFE))
    assert story.thread.assumed
    assert [marker.kind for _, marker in story.markers] == ["handover"]


def test_who_assigned_is_told_once_it_is_known() -> None:
    facts = says(1), assigns(2, BOT), sees(3, TO_AOIFE), assigns(4, TO_AOIFE, by=MAREK)
    story = told(*facts)
    assert not story.thread.assumed
    assert [(m.kind, m.by, m.whom) for _, m in story.markers][1:] == [("assigned", MAREK, AOIFE.id)]


def test_the_first_thing_heard_of_the_assignee_says_how_the_session_began() -> None:
    run = last(says(1), sees(2, TO_AOIFE))
    assert (run.mode, run.responsible.id, run.last_handover) == ("human", AOIFE.id, None)
    assert kinds(says(1), sees(2, TO_AOIFE)) == []


def test_a_read_may_give_back() -> None:
    facts = says(1), assigns(2, TO_AOIFE), sees(3, BOT, read=True)
    assert last(*facts).mode == "ai"
    assert kinds(*facts)[-1] == "returned"


def test_a_read_may_not_give_back_behind_the_fence() -> None:
    facts = says(1), assigns(2, BOT), hands_over(3), sees(4, BOT, read=True)
    assert last(*facts).mode == "human"
    # … nor if somebody was seen in between whose assignment we never heard of.
    seen = sees(4, TEAM), sees(5, BOT, read=True)
    assert last(says(1), assigns(2, BOT), hands_over(3), *seen).mode == "human"


def test_a_read_that_shows_a_person_opens_the_fence() -> None:
    facts = says(1), assigns(2, BOT), hands_over(3), sees(4, TO_AOIFE, read=True)
    assert told(*facts).thread.fence is None
    assert last(*facts, assigns(5, BOT)).mode == "ai"


def test_a_person_holds_it_while_the_ai_is_in_charge_silence() -> None:
    facts = says(1), assigns(2, TO_AOIFE), hands_back(3)
    settled = (*facts, replace(assigns(4, BOT, by=AI), settles="act3"))
    assert last(*facts, sees(5, TO_AOIFE, read=True)).mode == "ai"  # our return is under way
    assert told(*settled).thread.returning is None
    assert last(*settled, sees(5, TO_AOIFE, read=True)).mode == "human"


def test_nothing_changed_and_yet_it_contradicts_silence() -> None:
    # Our assignment to Aoife landed after the one that gave it back to the AI.
    landed = assigns(4, BOT, by=AI, settles="act3"), assigns(5, TO_AOIFE, by=AI, settles="act2")
    facts = says(1), hands_over(2, TO_AOIFE), hands_back(3), *landed
    assert last(*facts).mode == "ai"
    assert last(*facts, sees(6, TO_AOIFE)).mode == "ai"  # a snapshot is no proof
    assert last(*facts, sees(6, TO_AOIFE, read=True)).mode == "human"


# -- the fence -----------------------------------------------------------------------------------


def test_our_handover_fences_out_an_old_assignment_to_the_bot() -> None:
    story = told(says(1), hands_over(2, id="act2"), assigns(3, BOT))
    assert story.thread.fence == "act2"
    assert story.thread.state == "human"


def test_a_reply_that_takes_over_fences_too() -> None:
    story = told(says(1), assigns(2, BOT), says(3, AOIFE))
    assert story.thread.fence == "p3"
    assert last(says(1), assigns(2, BOT), says(3, AOIFE), sees(4, BOT, read=True)).mode == "human"


def test_no_fence_where_the_replying_person_holds_it_already() -> None:
    assert told(says(1), assigns(2, TO_AOIFE), hands_back(3), says(4, AOIFE)).thread.fence is None


def test_our_settled_assignment_opens_the_fence() -> None:
    settled = assigns(3, NOBODY, by=AI, settles="act2")
    story = told(says(1), hands_over(2), settled, assigns(4, BOT))
    assert story.thread.fence is None
    assert story.thread.state == "ai"


def test_a_newer_assignment_by_others_opens_the_fence() -> None:
    story = told(says(1), hands_over(2), assigns(3, TO_AOIFE), assigns(4, BOT))
    assert story.thread.state == "ai"


def test_handing_back_opens_the_fence() -> None:
    story = told(says(1), hands_over(2), hands_back(3))
    assert (story.thread.fence, story.thread.returning) == (None, "act3")
    assert story.thread.state == "ai"


def test_closing_opens_the_fence() -> None:
    assert told(says(1), hands_over(2), closes(3)).thread.fence is None


@pytest.mark.parametrize("to", [NOBODY, TEAM, TO_AOIFE])
def test_our_assignment_settled_late_does_not_undo_a_hand_back(to: Assignee) -> None:
    late = assigns(4, to, by=AI, settles="act2")
    facts = says(1), hands_over(2, to), hands_back(3), late
    assert last(*facts).mode == "ai"
    assert last(*facts).responsible == BY_AI
    assert kinds(*facts) == ["handover", "returned"]
    assert told(*facts).thread.returning == "act3"


def test_our_own_hand_back_settled_after_a_new_takeover_changes_nothing() -> None:
    settled = assigns(5, BOT, by=AI, settles="act3")
    facts = says(1), assigns(2, TO_AOIFE), hands_back(3), hands_over(4), settled
    assert last(*facts).mode == "human"
    assert told(*facts).thread.fence == "act4"


def test_a_settled_assignment_names_the_person_who_now_holds_it() -> None:
    settled = assigns(3, TO_AOIFE, by=AI, settles="act2")
    facts = says(1), hands_over(2, TO_MAREK), settled
    run = last(*facts)
    assert (run.mode, run.responsible.id, run.waiting_since) == ("human", AOIFE.id, None)
    assert [(m.kind, m.by.name) for _, m in told(*facts).markers] == [
        ("handover", SAM.name),
        ("assigned", SAM.name),
    ]


def test_an_assignment_that_the_channel_dates_before_our_act() -> None:
    # The channel's clock is behind ours: our own assignment stands before the act it carries out.
    early = assigns(4, NOBODY, by=AI, settles="act5")
    story = told(says(1), assigns(2, BOT), early, hands_over(5))
    assert story.thread.fence is None
    assert story.thread.state == "human"
    assert (
        told(says(1), assigns(2, BOT), early, hands_over(5), assigns(6, BOT)).thread.state == "ai"
    )
    back = assigns(4, BOT, by=AI, settles="act5")
    assert told(says(1), assigns(2, TO_AOIFE), back, hands_back(5)).thread.returning is None


def test_the_bots_seat_never_hands_back_to_itself() -> None:
    facts = says(1), assigns(2, TO_AOIFE), assigns(3, NOBODY), assigns(4, BOT, by=AI)
    assert last(*facts).mode == "human"
    assert last(*facts, assigns(5, TO_AOIFE), assigns(6, BOT)).mode == "ai"


# -- policies ------------------------------------------------------------------------------------


def test_unassigned() -> None:
    facts = says(1), assigns(2, TO_AOIFE), assigns(3, NOBODY)
    assert last(*facts).mode == "human"
    assert last(*facts).responsible.kind == "unassigned"
    assert last(*facts, on_unassigned="ai").mode == "ai"
    in_ai = says(1), assigns(2, BOT), assigns(3, NOBODY)
    assert last(*in_ai).mode == "ai"
    assert last(*in_ai).responsible.kind == "unassigned"
    assert last(*in_ai, on_unassigned="human").mode == "human"


def test_email_is_for_people_unless_the_channel_says_otherwise() -> None:
    mail = says(1, via="email")
    assert last(mail, sees(2, BOT)).mode == "human"
    assert last(mail, assigns(2, BOT)).mode == "human"
    assert last(mail, assigns(2, TO_AOIFE), hands_back(3)).mode == "human"
    assert last(mail, assigns(2, BOT), answer_email=True).mode == "ai"


def test_another_bot_is_warned_of_once_or_taken_for_a_takeover() -> None:
    facts = says(1), assigns(2, BOT), says(3, FIN), says(4, FIN)
    assert last(*facts).mode == "ai"
    assert kinds(*facts) == ["other_bot"]
    run = last(*facts, other_bot="human")
    assert (run.mode, run.responsible.kind, run.responsible.id) == ("human", "bot", FIN.id)


def test_assigned_to_another_bot_is_silence() -> None:
    run = last(says(1), assigns(2, TO_FIN))
    assert (run.mode, run.responsible.kind) == ("human", "bot")


def test_takeover_on_reply() -> None:
    run = last(says(1), assigns(2, BOT), says(3, AOIFE))
    assert (run.mode, run.responsible.id) == ("human", AOIFE.id)
    assert run.last_handover is not None
    assert run.last_handover.trigger == "reply"
    assert last(says(1), assigns(2, BOT), says(3, AOIFE), takeover_on_reply=False).mode == "ai"


def test_answer_when() -> None:
    assert last(says(1)).mode == "ai"
    assert last(says(1), answer_when_unassigned=False).mode == "human"
    assert last(assigns(1, BOT), says(2), answer_when_assigned=False).mode == "human"
    assert last(assigns(1, BOT), says(2), answer_when_unassigned=False).mode == "ai"
    assert last(says(1), first_mode="copilot").mode == "copilot"


def test_a_conversation_begun_by_a_person_is_theirs() -> None:
    run = last(says(1, AOIFE), says(2))
    assert (run.mode, run.responsible.id) == ("human", AOIFE.id)
    assert len(told(says(1, AOIFE), says(2)).runs) == 1
    # … and a snapshot that knows no assignee does not make it the AI's.
    assert last(says(1, AOIFE), sees(2, NOBODY), says(3)).mode == "human"


# -- copilot -------------------------------------------------------------------------------------


def test_copilot_is_the_callers_own_session() -> None:
    run = last(says(1), copilot(2))
    assert (run.mode, run.responsible.id) == ("copilot", SAM.id)
    assert last(says(1), copilot(2), copilot(3, on=False)).mode == "human"


def test_copilot_off_is_nothing_to_the_ai() -> None:
    assert last(says(1), copilot(2, on=False)).mode == "ai"


def test_a_reply_in_copilot_stays_copilot() -> None:
    assert last(says(1), copilot(2), says(3, AOIFE)).mode == "copilot"


def test_somebody_else_assigned_in_copilot_takes_it_over() -> None:
    settled = assigns(3, TO_AOIFE, by=AI, settles="act2")
    facts = says(1), copilot(2), settled
    assert last(*facts).mode == "copilot"
    assert last(*facts, assigns(4, TO_MAREK)).mode == "human"
    assert last(*facts, assigns(4, BOT)).mode == "ai"


# -- sessions ------------------------------------------------------------------------------------


def test_the_next_words_after_the_end_open_another_session() -> None:
    story = told(says(1), closes(2), says(3, AOIFE), reopens(4), says(5), finishes(6))
    assert [(run.opened_by, run.state) for run in story.runs.values()] == [
        ("p1", "finished"),
        ("p5", "finished"),
    ]
    assert [key for key, _ in story.markers] == ["p1", "p1", "p5"]


def test_the_next_session_begins_as_the_assignee_says() -> None:
    assert last(says(1), assigns(2, TO_AOIFE), closes(3), says(4)).mode == "human"
    assert last(says(1), assigns(2, BOT), closes(3), says(4)).mode == "ai"
    assert last(says(1), closes(2), assigns(3, TEAM), says(4)).responsible.team == TEAM.id


def test_snoozing_is_only_a_marker() -> None:
    facts = says(1), snoozes(2), snoozes(3, on=False)
    assert last(*facts).mode == "ai"
    assert kinds(*facts) == ["snoozed", "unsnoozed"]


# -- waiting, and the last word ------------------------------------------------------------------


def test_waiting_since() -> None:
    assert last(says(1)).waiting_since is None
    assert last(says(1), hands_over(2)).waiting_since == 2 * SECOND
    assert last(says(1), hands_over(2), says(3)).waiting_since == 2 * SECOND
    assert last(says(1), hands_over(2, TO_AOIFE)).waiting_since is None
    assert last(says(1), hands_over(2), assigns(3, TO_AOIFE)).waiting_since is None
    assert last(says(1), assigns(2, TEAM)).waiting_since == 2 * SECOND
    other_team = replace(TEAM, id="8")
    assert last(says(1), assigns(2, TEAM), assigns(3, other_team)).waiting_since == 2 * SECOND
    assert last(says(1), assigns(2, TEAM), says(3, AOIFE)).waiting_since is None
    assert last(says(1), assigns(2, TEAM), says(3, AOIFE), says(4)).waiting_since == 4 * SECOND
    assert last(says(1), assigns(2, TO_AOIFE), assigns(3, NOBODY)).waiting_since == 3 * SECOND
    assert last(says(1), hands_over(2), hands_back(3)).waiting_since is None
    assert last(says(1), hands_over(2), closes(3)).waiting_since is None
    assert last(says(1), answer_when_unassigned=False).waiting_since == 1 * SECOND


def test_the_last_public_word() -> None:
    assert last(says(1)).customer_spoke_last
    assert not last(says(1), says(2, AI)).customer_spoke_last
    assert not last(says(1), says(2, FIN)).customer_spoke_last
    assert last(says(1), notes(2)).customer_spoke_last
    assert last(says(1), says(2, AI), says(3)).last_public_at.at == 3 * SECOND
