"""What a customer sees of a conversation: all of it, in order, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from gateway import feed
from gateway.channels.webwidget.talk import MOST_LINES, Talk
from gateway.conversations import doors, forgetting
from gateway.conversations.thread import lock_session
from gateway.errors import NotFound
from gateway.events import Answer, HandoverRequest
from gateway.people import avatars
from gateway.store import Transaction
from gateway.visitors import marks
from tests.desk import Desk
from tests.visitors.conftest import Customer

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20


def words(talk: Talk) -> list[str]:
    return [line.marker or line.text for line in talk.lines]


def test_a_talk_from_the_first_word_to_the_next_session(on_both: Desk) -> None:
    it = on_both
    ann = it.operator("Ann")
    session = it.says("Where is my parcel?")
    vera = Customer(it)
    first = vera.look()
    assert (first.reset, words(first)) == (True, ["Where is my parcel?"])
    assert first.session is not None
    assert (first.session.id, first.session.status, first.session.speaker) == (
        session, "active", "ai",
    )  # fmt: skip
    assert [one.kind for one in first.typing] == ["ai"]
    assert first.session.read_by_them is None

    it.work()
    answered = vera.look()
    assert (answered.reset, words(answered)) == (False, ["AI: Where is my parcel?"])
    assert answered.typing == []
    assert answered.session is not None
    assert answered.session.read_by_them == first.lines[0].id
    assert answered.session.unread == 1
    assert [line.author for line in answered.lines] == ["ai"]

    it.hand_over(session, ann)
    waits = vera.look()
    assert words(waits) == ["handover"]
    assert waits.session is not None
    assert waits.session.speaker == "nobody"
    assert waits.session.waiting is not None
    assert waits.session.waiting.position == 1

    it.act(doors.accept, session, ann)
    it.act(doors.write_note, session, ann, text="Seems upset")
    it.act(doors.write_message, session, ann, text="It is **on its way**")
    joined = vera.look()
    assert words(joined) == ["handover", "joined", "It is **on its way**"]
    assert [line.name for line in joined.lines] == [None, "Ann", "Ann"]
    assert joined.session is not None
    assert (joined.session.speaker, joined.session.name) == ("operator", "Ann")
    assert joined.session.waiting is None

    it.act(doors.finish, session, ann, reason="")
    finished = vera.look()
    assert words(finished)[-1] == "finished"
    assert finished.session is not None
    assert finished.session.status == "finished"
    assert not finished.reset, "it goes on being shown"

    later = it.says("One more thing")
    anew = vera.look()
    assert (anew.reset, words(anew)) == (True, ["One more thing"])
    assert anew.session is not None
    assert anew.session.id == later
    nothing = vera.look()
    assert (nothing.reset, words(nothing), nothing.cursor) == (False, [], anew.cursor)

    whole = vera.talks.news(vera.conversation, session_id=session)
    assert words(whole)[0] == "Where is my parcel?"
    assert whole.session is not None
    assert whole.session.id == session


def test_nothing_is_missed_and_nothing_new_costs_two_statements(
    it: Desk, counted: Callable[[Desk], Any]
) -> None:
    it.says("Hello?")
    it.work()
    vera = Customer(it)
    vera.look()
    conversation = vera.conversation
    with counted(it) as statements:
        vera.talks.news(conversation, after=vera.cursor)
    assert len(statements) == 2, statements
    it.says("Hello?", conversation="c2")  # somebody else's
    assert words(vera.look()) == []


def test_what_is_for_people_inside_is_not_shown(on_both: Desk) -> None:
    it = on_both
    ann = it.operator("Ann")
    session = it.says("I am cross")
    it.agent.next.append(
        Answer(
            messages=["One moment"],
            handover=HandoverRequest(trigger="automatic", reason="secret reason", summary="secret"),
        )
    )
    it.work()
    it.act(doors.accept, session, ann)
    it.act(doors.write_note, session, ann, text="secret note")
    it.act(doors.set_copilot, session, ann, on=True)
    it.says("Well?")
    it.work()
    assert it.drafts(session), "the AI has drafted"
    it.act(doors.release, session, ann)
    vera = Customer(it)
    talk = vera.look()
    assert words(talk) == ["I am cross", "One moment", "handover", "joined", "Well?"]
    assert "secret" not in repr(talk)
    assert ann.id not in repr(talk)
    assert "@acme.test" not in repr(talk)
    assert talk.typing == [], "a draft is not for the customer"
    before = vera.cursor
    it.act(doors.write_note, session, ann, text="secret note")
    again = vera.look()
    assert (words(again), again.cursor != before) == ([], True)


def test_a_redacted_message_loses_its_words(on_both: Desk) -> None:
    it = on_both
    session = it.says("My card number is 4711")
    vera = Customer(it)
    shown = vera.look().lines[0]
    assert shown.external_id is not None

    def redact(db: Transaction) -> None:
        held, _ = lock_session(db, session)
        forgetting.redact(db, held, shown.external_id or "", it.now)

    it.database.write(redact)
    (changed,) = vera.look().lines
    assert (changed.id, changed.text, changed.redacted) == (shown.id, "", True)


def test_a_cursor_that_leads_nowhere_begins_anew(on_both: Desk) -> None:
    it = on_both
    it.says("Hello?")
    vera = Customer(it)
    vera.look()
    it.says("Anybody?")
    old = vera.cursor
    feed.forget(it.database, 2**60, lambda db: None)
    for cursor in (old, None, "", "nonsense", "WzEwMDAwMDAwMDAsIiJd"):
        talk = vera.talks.news(vera.conversation, after=cursor)
        assert (talk.reset, words(talk)) == (True, ["Hello?", "Anybody?"])
        vera.cursor = talk.cursor
        assert not vera.look().reset


def test_what_lies_back_comes_in_pages(it: Desk) -> None:
    for number in range(MOST_LINES + 30):
        it.says(str(number))
    vera = Customer(it)
    talk = vera.look()
    assert (words(talk)[0], words(talk)[-1], talk.earlier) == ("30", "229", True)
    back = vera.talks.before(vera.conversation, talk.lines[0].id)
    assert words(back) == [str(number) for number in range(30)]
    assert (back.earlier, back.reset, back.cursor) == (False, False, None)
    it.says("Hello?", conversation="c2")
    other = Customer(it, "c2")
    with pytest.raises(NotFound):
        other.talks.before(other.conversation, talk.lines[0].id)
    with pytest.raises(NotFound):
        other.look(session_id=talk.session.id if talk.session else "")


def test_the_queue_has_an_order(on_both: Desk) -> None:
    it = on_both
    ann = it.operator("Ann")
    sessions = [it.says("Help!", conversation=f"c{number}") for number in (1, 2, 3)]
    for session in sessions:
        it.advance(1)
        it.hand_over(session, ann)

    def positions() -> list[int | None]:
        found = []
        for number in (1, 2, 3):
            shown = Customer(it, f"c{number}").look().session
            assert shown is not None
            found.append(shown.waiting.position if shown.waiting else None)
        return found

    assert positions() == [1, 2, 3]
    it.act(doors.accept, sessions[0], ann)
    assert positions() == [None, 1, 2]


def test_people_are_shown_with_their_picture_of_now(it: Desk) -> None:
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    it.act(doors.accept, session, ann)
    it.act(doors.write_message, session, ann, text="Hello!")
    it.database.write(lambda db: avatars.put(db, ann.id, PNG, it.now))
    talk = Customer(it).look()
    assert talk.session is not None
    name = talk.session.picture
    assert name is not None
    assert ann.id not in name
    assert [line.picture for line in talk.lines] == [None, None, None, name]
    with it.database.read() as db:
        assert avatars.find_shown(db, name).content == PNG
        with pytest.raises(NotFound):
            avatars.find_shown(db, ann.id)
    it.database.write(lambda db: avatars.put(db, ann.id, PNG + b"y", it.now))
    anew = Customer(it).look()
    assert anew.session is not None
    assert anew.session.picture not in (None, name), "a new picture has a new name"


def test_reads_are_told_both_ways(on_both: Desk) -> None:
    it = on_both
    ann = it.operator("Ann")
    by = {"kind": "operator", "id": ann.id, "name": "Ann"}
    session = it.says("Hello?")
    it.hand_over(session, ann)
    vera = Customer(it)
    hello = vera.look().lines[0]
    assert vera.look().session is not None
    assert it.database.write(
        lambda db: marks.read_up_to(db, "operator", session, hello.id, by, it.now)
    )
    read = vera.look()
    assert read.session is not None
    assert read.session.read_by_them == hello.id
    it.says("Anybody?")
    it.act(doors.write_message, session, ann, text="One")
    it.act(doors.write_message, session, ann, text="Two")
    talk = vera.look()
    assert talk.session is not None
    said = {line.text: line.id for line in talk.lines}
    other_session = it.says("Hello?", conversation="c3")
    it.hand_over(other_session, ann)
    unread = Customer(it, "c3").look()
    it.act(doors.write_message, session, ann, text="Three")
    again = Customer(it, "c3").look()
    assert unread.session is not None
    assert again.session is not None
    assert again.session.read_by_them is None, "who answers here has read nothing there"
    assert talk.session.read_by_them == said["Anybody?"], "who answers has read it"
    assert talk.session.unread == 2

    def read_up_to(text: str) -> bool:
        return it.database.write(
            lambda db: marks.read_up_to(
                db, "customer", session, said[text], {"kind": "customer"}, it.now
            )
        )

    said["Three"] = vera.look().lines[-1].id
    assert read_up_to("Three")
    assert not read_up_to("One"), "a mark never goes back"
    assert not read_up_to("Three")
    after = vera.look()
    assert after.session is not None
    assert after.session.unread == 0
    other = it.says("Hello?", conversation="c2")
    with pytest.raises(NotFound):
        it.database.write(
            lambda db: marks.read_up_to(db, "customer", other, said["One"], {}, it.now)
        )


def test_only_what_is_finished_is_rated(on_both: Desk) -> None:
    it = on_both
    ann = it.operator("Ann")
    session = it.says("Hello?")
    with pytest.raises(marks.NotFinished):
        it.database.write(lambda db: marks.rate(db, session, 4, "", it.now))
    it.act(doors.finish, session, ann, reason="")
    vera = Customer(it)
    vera.look()
    for score, comment in ((4, "Quick"), (5, "")):
        it.database.write(lambda db: marks.rate(db, session, score, comment, it.now))  # noqa: B023
        talk = vera.look()
        assert talk.session is not None
        assert (talk.session.score, talk.session.comment) == (score, comment)
    for bad in (0, 6, -1):
        with pytest.raises(IntegrityError):
            it.database.write(lambda db: marks.rate(db, session, bad, "", it.now))  # noqa: B023
