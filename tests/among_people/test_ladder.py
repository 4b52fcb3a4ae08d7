"""The ladder of deadlines: nobody waits without one, and the customer is told how things stand."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from gateway.conversations import doors
from gateway.handover.thread import Wait
from gateway.ladder import BUSY, LADDER, REMIND_AFTER_S, TAKE_MESSAGE, Rung
from gateway.store.models import ChatSession, Conversation
from tests.desk import Desk


def waits(it: Desk, session: str) -> tuple[str | None, int | None]:
    row = it.session(session)
    return row.wait_step, row.wait_rung


def test_whoever_waits_is_told_then_everybody_is_asked_then_a_message_is_taken(
    on_both: Desk,
) -> None:
    it = on_both
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.work()
    assert waits(it, session) == ("accept", 0)
    it.advance(299)
    it.work()
    assert it.words(session) == ["Hello?"]
    it.advance(1)
    it.work()
    assert it.words(session)[-1] == BUSY.replace("{position}", "1")
    assert waits(it, session) == ("accept", 2), "told, and people notified"
    it.advance(600)
    it.work()
    assert it.session(session).widened
    it.advance(2_700)
    it.work()
    assert it.words(session)[-1] == TAKE_MESSAGE
    assert it.markers(session) == ["handover", "late_accept"]
    row = it.session(session)
    assert row.mode == "human", "it stays with people"
    assert row.wait_due == row.wait_since + int((3_600 + REMIND_AFTER_S) * 1e6), "never without"


def test_after_a_long_outage_the_customer_is_told_the_last_word_only(it: Desk) -> None:
    session = it.says("Hello?")
    it.hand_over(session, it.operator("Ann"))
    it.advance(7_200)
    it.work()
    assert it.words(session) == ["Hello?", TAKE_MESSAGE]


def test_the_place_in_the_queue_counts_who_waits_longer(it: Desk) -> None:
    ann = it.operator("Ann")
    first, second = it.says("Hello?", "c1"), it.says("Hello?", "c2")
    it.hand_over(first, ann)
    it.hand_over(second, ann)
    it.advance(300)
    it.work()
    assert it.words(second)[-1] == BUSY.replace("{position}", "2")


def test_whoever_accepted_and_does_not_reply_loses_it_to_the_next(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.act(doors.accept, session, ann)
    it.advance(1_801)
    it.work()
    row = it.session(session)
    assert (row.responsible_kind, row.wait_step) == ("unassigned", "accept")
    assert it.markers(session) == ["handover", "assigned", "late_first_reply", "unassigned"]


def test_a_reply_ends_the_wait_and_the_next_word_begins_another(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.act(doors.write_message, session, ann, text="Yes?")
    assert waits(it, session) == (None, None)
    it.says("My parcel")
    assert waits(it, session) == ("reply", 0)
    since = it.session(session).wait_since
    it.advance(60)
    it.says("Hello?")
    assert it.session(session).wait_since == since, "from the first word without a reply"
    it.advance(86_400)
    it.work()
    assert it.markers(session)[-1] == "late_reply"


def test_the_ai_gets_it_back_where_that_is_configured(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(ladder=(Rung(step="accept", after_s=60, do="return_to_ai"),))
    session = it.says("Hello?")
    it.hand_over(session, it.operator("Ann"))
    it.advance(61)
    it.work()
    assert it.session(session).mode == "ai"
    assert it.words(session)[-1] == "AI: Hello?", "the unanswered question is answered"
    notes = [text for kind, _, text in it.history(session) if kind == "note"]
    assert notes[-1] == "Nobody accepted the session in time; the AI answers again."


def test_a_session_of_the_ai_has_no_deadline(it: Desk) -> None:
    session = it.says("Hello?")
    it.work()
    assert waits(it, session) == (None, None)


def test_finishing_ends_the_wait(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.act(doors.finish, session, ann, reason="")
    assert waits(it, session) == (None, None)
    it.advance(10_000)
    it.work()
    assert it.words(session) == ["Hello?"]


def test_a_deadline_that_somebody_beats_does_nothing(it: Desk) -> None:
    """The drain saw it due; before it came to it, a person accepted."""
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.advance(301)
    work = it.bench.works["deadlines"]
    (key,) = work.due(10)
    it.act(doors.accept, session, ann)
    work.do(key)
    assert it.words(session) == ["Hello?"]
    assert waits(it, session) == ("first_reply", 0)


def test_who_waited_before_waits_were_folded_is_looked_after_too(on_both: Desk) -> None:
    """A thread that an earlier version wrote knows nothing of the wait in the session's row."""
    it = on_both
    session = it.says("Hello?")
    it.hand_over(session, it.operator("Ann"))
    (row,) = it.all(select(Conversation.thread))
    thread = json.loads(row.thread)
    for name in ("wait", "stretches", "customer_since", "held_since"):
        del thread["run"][name]
    it.database.write(lambda db: db.execute(update(Conversation).values(thread=json.dumps(thread))))
    it.advance(301)
    it.work()
    assert it.words(session)[-1] == BUSY.replace("{position}", "1")
    assert waits(it, session) == ("accept", 2)


def test_the_database_lets_nobody_wait_without_a_deadline(on_both: Desk) -> None:
    it = on_both
    session = it.says("Hello?")
    it.hand_over(session, it.operator("Ann"))
    for broken in ({"wait_step": None, "wait_due": None}, {"wait_due": None}):
        with pytest.raises(IntegrityError):
            it.database.write(
                lambda db, broken=broken: (
                    db.session.query(ChatSession).filter(ChatSession.id == session).update(broken)
                )
            )


def test_the_ladder_of_the_documentation_is_the_one_that_is_climbed() -> None:
    assert [rung.step for rung in LADDER] == ["accept"] * 4 + ["first_reply"] * 2 + ["reply"]
    assert Wait(step="accept", since=0).rung == 0


def test_who_waits_for_the_ai_is_not_forgotten_after_an_outage(it: Desk) -> None:
    """Nobody asked the AI for longer than the idle timeout: it is asked, not finished."""
    session = it.says("Hello?")
    it.advance(90_000)
    it.work("upkeep")
    assert it.session(session).status == "active"
    it.work()
    assert it.words(session) == ["Hello?", "AI: Hello?"]
    it.advance(90_000)
    it.work("upkeep")
    assert it.session(session).status == "finished"
