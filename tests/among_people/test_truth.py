"""What customers and people are told: office hours, who is called, what happened meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from gateway.config import SmtpSettings, Workspace
from gateway.conversations import doors
from gateway.errors import Conflict, Never
from gateway.ladder import AWAY
from gateway.people import editing
from gateway.people.reception import worded
from gateway.store.models import JournalRow, WaitMail
from tests.desk import START, Desk

OFFICE = Workspace(working_hours="Mon-Fri 09:00-17:00", time_zone="Europe/Dublin")
SMTP = SmtpSettings(host="127.0.0.1", sender="gateway@acme.test", security="none")
PROMISE = "Somebody is coming."


def overdue(it: Desk) -> list[dict[str, str]]:
    query = select(JournalRow.data).where(JournalRow.kind == "session.overdue")
    return [row.data for row in it.all(query)]


def mailed(it: Desk) -> list[str]:
    names = {caller.id: name for name, caller in it.people.items()}
    return sorted(names[row.operator_id] for row in it.all(select(WaitMail.operator_id)))


def test_within_working_hours_a_person_is_promised(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(workspace=OFFICE, handover_message=PROMISE)
    session = it.says("Hello?")
    it.hand_over(session, it.operator("Ann"))
    assert it.words(session)[-1] == PROMISE


def test_outside_them_the_truth_is_told_instead(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(workspace=OFFICE, handover_message=PROMISE)
    it.advance(8 * 3600)  # Monday, six in the evening
    session = it.says("Hello?")
    it.hand_over(session, it.operator("Ann"))
    assert it.words(session)[-1] == AWAY.replace("{opens_at}", "tomorrow at 09:00")


def test_where_nobody_is_known_the_workspaces_hours_decide(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(
        workspace=Workspace(working_hours="never"), handover_message=PROMISE, away_message="Sorry."
    )
    session = it.says("Hello?")
    it.agent.next.append(Never("broken"))
    it.work("turns")
    assert it.words(session)[-1] == "Sorry."


def test_a_line_that_nobody_can_fill_in_is_left_out(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(workspace=Workspace(working_hours="never"), handover_message=PROMISE)
    session = it.says("Hello?")
    it.hand_over(session, it.operator("Ann"))
    assert it.words(session)[-1] == AWAY.splitlines()[0]


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (datetime(2026, 11, 23, 14, 30, tzinfo=UTC), "today at 14:30"),
        (datetime(2026, 11, 24, 9, 0, tzinfo=UTC), "tomorrow at 09:00"),
        (datetime(2026, 11, 30, 9, 0, tzinfo=UTC), "on Monday, 30 November, at 09:00"),
    ],
)
def test_when_somebody_works_again_is_said_as_people_say_it(moment: datetime, said: str) -> None:
    assert worded(moment, START, OFFICE.zone) == said


def test_when_nobody_accepts_all_who_are_asked_are_called(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(smtp=SMTP, operators=("ann@acme.test",))
    ann, _ = it.operator("Ann"), it.operator("Bob")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.advance(301)
    it.work()
    assert mailed(it) == ["Ann"]
    assert [one["step"] for one in overdue(it)] == ["accept"]
    it.advance(900)
    it.work()
    assert it.session(session).widened
    it.advance(86_400 * 2)
    it.work()
    assert mailed(it) == ["Ann", "Bob"], "the reminder goes to everybody, and nobody gets two"


def test_who_holds_it_is_the_one_to_be_called(make_desk: Callable[..., Desk]) -> None:
    it = make_desk(smtp=SMTP)
    ann, bob = it.operator("Ann"), it.operator("Bob")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.act(doors.accept, session, bob)
    it.advance(901)
    it.work()
    assert mailed(it) == ["Bob"]
    assert overdue(it)[0]["step"] == "first_reply"


def test_the_brief_tells_who_from_when_to_when_and_what(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Where is it?")
    it.work()
    it.advance(60)
    it.hand_over(session, ann, reason="upset")
    it.act(doors.write_message, session, ann, text="On its way")
    it.says("When?")
    it.advance(60)
    it.act(doors.hand_back, session, ann)
    it.work()
    assert it.agent.turns[-1].brief == (
        "People held this session from 2026-11-23T10:01:00Z to 2026-11-23T10:02:00Z.\n"
        "It was handed to them because: upset\n"
        "Ann (a person): On its way\n"
        "Vera Visitor: When?"
    )


def test_a_stretch_without_a_word_is_told_as_such(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Where is it?")
    it.hand_over(session, ann)
    it.act(doors.hand_back, session, ann)
    it.work()
    brief = it.agent.turns[-1].brief
    assert brief is not None
    assert brief.endswith("None of them wrote to the customer.")


@pytest.mark.parametrize("mode", ["human", "copilot"])
def test_each_mode_has_an_idle_timeout_of_its_own(
    make_desk: Callable[..., Desk], mode: str
) -> None:
    it = make_desk(**{f"idle_timeout_{mode}_s": 3_600.0}, idle_timeout_s=0.0)
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.act(doors.accept, session, ann)
    if mode == "copilot":
        it.act(doors.set_copilot, session, ann, on=True)
    it.advance(3_601)
    it.work("upkeep")
    assert it.session(session).status == "active", "the customer waits: that is not idleness"
    it.act(doors.write_message, session, ann, text="Done")
    it.advance(3_601)
    it.work("upkeep")
    assert it.session(session).status == "finished"


def test_what_a_person_holds_a_person_ends_by_default(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.act(doors.write_message, session, ann, text="Done")
    it.advance(86_400 * 30)
    it.work("upkeep")
    assert it.session(session).status == "active"


def test_a_deactivated_holder_is_still_named(it: Desk) -> None:
    ann, sam = it.operator("Ann"), it.operator("Sam", "admin")
    session = it.says("Hello?")
    it.hand_over(session, sam)
    it.act(doors.accept, session, ann)
    it.database.write(lambda db: editing.edit(db, ann.id, {"active": False}, it.now))
    with pytest.raises(Conflict, match="already accepted by Ann"):
        it.act(doors.accept, session, sam)


def test_a_new_session_knows_how_the_one_before_ended(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Where is it?")
    it.work()
    it.act(doors.finish, session, ann, reason="")
    it.says("One more thing")
    it.work()
    assert it.agent.turns[-1].previous_summary == (
        "There was a session before this one. It ended at 2026-11-23T10:00:00Z. "
        "The last words in it:\nVera Visitor: Where is it?\nsupport: AI: Where is it?"
    )
