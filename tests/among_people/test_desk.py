"""Where no helpdesk is behind a channel: handing over, accepting, writing, giving back."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from gateway.conversations import doors
from gateway.errors import Conflict, Forbidden
from gateway.events import Answer, HandoverRequest
from gateway.store.models import JournalRow, Message
from tests.desk import Desk


def test_the_ai_answers_and_its_words_are_said_in_the_same_commit(on_both: Desk) -> None:
    it = on_both
    session = it.says("Hello?")
    it.work()
    assert it.words(session) == ["Hello?", "AI: Hello?"]
    assert it.session(session).message_count == 2


def test_a_session_goes_from_the_ai_to_a_person_and_back(on_both: Desk) -> None:
    it = on_both
    ann, sam = it.operator("Ann"), it.operator("Sam", "admin")
    session = it.says("Where is my parcel?")
    it.work()
    done = it.hand_over(session, sam, reason="upset")
    assert done.in_flight == 0
    row = it.session(session)
    assert (row.mode, row.responsible_kind, row.wait_step) == ("human", "unassigned", "accept")
    it.says("Hello?")
    it.work()
    assert it.words(session)[-1] == "Hello?", "the AI is silent"

    it.act(doors.accept, session, ann)
    row = it.session(session)
    assert (row.responsible_kind, row.responsible_id) == ("operator", ann.id)
    assert (row.waiting_since, row.wait_step) == (None, "first_reply")
    it.act(doors.write_message, session, ann, text="It is on its way")
    assert it.session(session).wait_step is None
    it.says("When will it come?")
    assert it.session(session).wait_step == "reply"

    it.act(doors.hand_back, session, ann)
    it.work()
    assert it.words(session)[-1] == "AI: When will it come?", "what was unanswered is answered"
    turn = it.agent.turns[-1]
    assert turn.cause == "returned"
    assert turn.brief is not None
    assert "Ann (a person): It is on its way" in turn.brief
    assert it.markers(session) == ["handover", "assigned", "returned"]
    (stretch,) = it.stretches(session)
    assert (stretch.trigger, stretch.reason, stretch.handed_by) == ("manual", "upset", sam.id)
    assert stretch.accepted_by == ann.id
    assert stretch.began_at < stretch.accepted_at < stretch.first_reply_at < stretch.ended_at


def test_the_second_to_accept_is_told_who_has_it(it: Desk) -> None:
    ann, bob = it.operator("Ann"), it.operator("Bob")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.act(doors.accept, session, ann)
    with pytest.raises(Conflict, match="Session was already accepted by Ann") as refused:
        it.act(doors.accept, session, bob)
    assert refused.value.details["responsible"]["id"] == ann.id
    with pytest.raises(Conflict, match="You have accepted this session already"):
        it.act(doors.accept, session, ann)


def test_what_cannot_be_accepted_says_why(it: Desk) -> None:
    ann, eve = it.operator("Ann"), it.operator("Eve", "viewer")
    session = it.says("Hello?")
    with pytest.raises(Conflict, match="handled by the AI; hand it over first"):
        it.act(doors.accept, session, ann)
    with pytest.raises(Forbidden):
        it.act(doors.accept, session, eve)
    it.act(doors.finish, session, ann, reason="")
    with pytest.raises(Conflict, match="Session is already finished"):
        it.act(doors.accept, session, ann)


def test_a_session_is_assigned_reassigned_and_released(it: Desk) -> None:
    ann, bob, sam = it.operator("Ann"), it.operator("Bob"), it.operator("Sam", "admin")
    session = it.says("Hello?")
    it.hand_over(session, sam)
    it.act(doors.assign, session, sam, target=bob, link="")
    assert it.session(session).responsible_id == bob.id
    with pytest.raises(Conflict, match="already assigned to Bob"):
        it.act(doors.assign, session, sam, target=bob, link="")
    it.act(doors.assign, session, bob, target=ann, link="")
    assert it.session(session).responsible_id == ann.id
    it.act(doors.release, session, ann)
    row = it.session(session)
    assert (row.mode, row.responsible_kind, row.wait_step) == ("human", "unassigned", "accept")
    with pytest.raises(Conflict, match="not assigned to anybody"):
        it.act(doors.release, session, ann)
    assert it.markers(session) == ["handover", "assigned", "assigned", "unassigned"]
    assert it.stretches(session)[0].accepted_by == bob.id, "the first one"


def test_assigning_what_the_ai_holds_hands_it_over_to_that_person(it: Desk) -> None:
    bob, sam = it.operator("Bob"), it.operator("Sam", "admin")
    session = it.says("Hello?")
    it.act(doors.assign, session, sam, target=bob, link="")
    row = it.session(session)
    assert (row.mode, row.responsible_id, row.wait_step) == ("human", bob.id, "first_reply")
    assert row.handover["trigger"] == "manual"
    assert it.markers(session) == ["handover", "assigned"]


def test_writing_into_what_waits_accepts_it(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.act(doors.write_message, session, ann, text="I am here")
    row = it.session(session)
    assert (row.responsible_id, row.wait_step, row.waiting_since) == (ann.id, None, None)


def test_writing_into_what_the_ai_holds_takes_it_over(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.act(doors.write_message, session, ann, text="I am here")
    row = it.session(session)
    assert (row.mode, row.responsible_id) == ("human", ann.id)
    assert row.handover["trigger"] == "reply"


def test_last_words_come_before_the_handover_and_the_promise_after_it(
    make_desk: Callable[..., Desk],
) -> None:
    it = make_desk(handover_message="Somebody is coming. You are number {position}.")
    session = it.says("A person, please")
    it.agent.next.append(
        Answer(
            messages=["I will get somebody."],
            handover=HandoverRequest(trigger="customer_request", reason="asked", summary="wants"),
        )
    )
    it.work("turns")
    assert it.history(session) == [
        ("message", "customer", "A person, please"),
        ("message", "ai", "I will get somebody."),
        ("marker", "system", "handover"),
        ("note", "ai", "**Handed over by the AI**\n\nReason: asked\n\nSummary: wants\n\n"
         f"[Open the session](http://127.0.0.1:8080/console/sessions/{session})"),
        ("message", "system", "Somebody is coming. You are number 1."),
    ]  # fmt: skip
    other = it.says("Me too", "c2")
    it.hand_over(other, it.operator("Sam"))
    assert it.words(other)[-1] == "Somebody is coming. You are number 2."


def test_the_customers_next_word_after_the_end_opens_a_new_session(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.act(doors.finish, session, ann, reason="")
    assert it.says("One more thing") != session
    assert it.markers(session) == ["finished"]


def test_whoever_follows_the_journal_hears_of_each_word_once(
    make_desk: Callable[..., Desk],
) -> None:
    it = make_desk(handover_message="A colleague is coming.")
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.work()
    it.hand_over(session, ann)
    it.act(doors.write_note, session, ann, text="among us")
    it.act(doors.write_message, session, ann, text="I am here")
    told = it.all(
        select(JournalRow.kind, Message.text)
        .outerjoin(Message, Message.id == JournalRow.message_id)
        .where(JournalRow.message_id.is_not(None))
        .order_by(JournalRow.id)
    )
    assert [tuple(row) for row in told] == [
        ("message.created", "Hello?"),
        ("message.created", "AI: Hello?"),
        ("note.created", "**Handed over by Ann**"),
        ("message.created", "A colleague is coming."),
        ("note.created", "among us"),
        ("message.created", "I am here"),
    ]


def test_words_the_ai_had_not_been_told_stay_unanswered(it: Desk) -> None:
    """They come while it thinks; its answer comes after them, and then people take over."""
    ann = it.operator("Ann")
    session = it.says("Where is my parcel?")
    it.agent.before.append(lambda turn: it.says("And the invoice?"))
    it.bench.works["turns"].do(it.bench.works["turns"].due(1)[0])
    assert it.words(session)[-1] == "AI: Where is my parcel?"
    it.act(doors.set_copilot, session, ann, on=True)
    assert it.session(session).wait_step == "first_reply", "nobody waits without a deadline"
    it.act(doors.hand_back, session, ann)
    it.work()
    assert it.words(session)[-1] == "AI: And the invoice?"


def test_what_is_too_long_to_tell_is_not_asked_about_without_end(it: Desk) -> None:
    """Only the newest words fit into a question; what a person was told is over."""
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.act(doors.write_message, session, ann, text="Yes?")
    it.says("a" * 40_000)
    it.says("b" * 40_000)
    it.act(doors.hand_back, session, ann)
    it.work()
    assert len(it.agent.turns) == 1
    assert [len(message.text) for message in it.agent.turns[0].messages] == [40_000]
