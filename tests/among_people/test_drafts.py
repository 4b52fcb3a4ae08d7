"""Copilot: the AI drafts, a person edits and sends or discards, and what was edited is kept."""

from collections.abc import Callable

import pytest

from gateway.conversations import doors
from gateway.errors import Conflict, NotFound, Unreadable
from tests.desk import Desk


def a_draft(it: Desk) -> tuple[str, str]:
    ann = it.people.get("Ann") or it.operator("Ann")
    session = it.says("How long does it take?")
    it.act(doors.set_copilot, session, ann, on=True)
    it.work()
    (draft,) = it.drafts(session)
    assert draft.state == "open"
    return session, draft.message_id


def test_a_draft_is_sent_as_it_is(on_both: Desk) -> None:
    it = on_both
    session, draft = a_draft(it)
    assert it.words(session) == ["How long does it take?"], "the customer sees no draft"
    done = it.act(doors.send_draft, session, it.people["Ann"], draft_id=draft, text=None)
    assert it.words(session) == ["How long does it take?", "AI: How long does it take?"]
    (after,) = it.drafts(session)
    assert (after.state, after.sent_as, after.ended_by) == (
        "sent", done.message_id, it.people["Ann"].id,
    )  # fmt: skip
    assert it.history(session)[-1][:2] == ("message", "operator"), "a person said it"


def test_what_was_edited_is_kept_beside_the_draft(it: Desk) -> None:
    session, draft = a_draft(it)
    done = it.act(doors.send_draft, session, it.people["Ann"], draft_id=draft, text="Two days")
    (after,) = it.drafts(session)
    assert (after.state, after.text) == ("edited", "AI: How long does it take?")
    assert after.sent_as == done.message_id
    assert it.words(session)[-1] == "Two days"


def test_a_draft_is_discarded_and_not_used_any_more(it: Desk) -> None:
    session, draft = a_draft(it)
    ann = it.people["Ann"]
    it.act(doors.discard_draft, session, ann, draft_id=draft)
    with pytest.raises(Conflict, match="was discarded"):
        it.act(doors.send_draft, session, ann, draft_id=draft, text=None)
    assert it.words(session) == ["How long does it take?"]


@pytest.mark.parametrize("who", ["customer", "operator"])
def test_a_draft_expires_when_something_public_is_said_after_it(it: Desk, who: str) -> None:
    session, draft = a_draft(it)
    ann = it.people["Ann"]
    if who == "customer":
        it.says("Are you there?")
    else:
        it.act(doors.write_message, session, ann, text="One moment")
    assert it.drafts(session)[0].state == "expired"
    with pytest.raises(Conflict, match="expired when something was said after it"):
        it.act(doors.send_draft, session, ann, draft_id=draft, text="Two days")
    it.work()
    assert len(it.drafts(session)) == (2 if who == "customer" else 1)


def test_a_note_leaves_a_draft_as_it_is(it: Desk) -> None:
    session, _ = a_draft(it)
    it.act(doors.write_note, session, it.people["Ann"], text="among us")
    assert it.drafts(session)[0].state == "open"


@pytest.mark.parametrize("how", ["off", "hand_back", "finish", "release"])
def test_drafts_expire_when_the_session_leaves_the_copilot(it: Desk, how: str) -> None:
    session, _ = a_draft(it)
    ann = it.people["Ann"]
    match how:
        case "off":
            it.act(doors.set_copilot, session, ann, on=False)
        case "hand_back":
            it.act(doors.hand_back, session, ann)
        case "finish":
            it.act(doors.finish, session, ann, reason="")
        case _:
            it.act(doors.release, session, ann)
    assert it.drafts(session)[0].state == "expired"


def test_a_blank_edit_is_refused_and_the_draft_stays(it: Desk) -> None:
    session, draft = a_draft(it)
    with pytest.raises(Unreadable):
        it.act(doors.send_draft, session, it.people["Ann"], draft_id=draft, text="  ")
    assert it.drafts(session)[0].state == "open"


def test_a_draft_of_another_session_is_not_found(it: Desk) -> None:
    _, draft = a_draft(it)
    other = it.says("Hello", "c2")
    with pytest.raises(NotFound):
        it.act(doors.send_draft, other, it.people["Ann"], draft_id=draft, text=None)


def test_a_copilot_session_can_be_passed_on_with_its_copilot(it: Desk) -> None:
    session, _ = a_draft(it)
    bob = it.operator("Bob")
    it.act(doors.assign, session, it.people["Ann"], target=bob, link="")
    row = it.session(session)
    assert (row.mode, row.responsible_id) == ("copilot", bob.id)
    assert it.drafts(session)[0].state == "open"


def test_switched_on_after_a_promise_it_drafts_for_what_stands_unanswered(
    make_desk: Callable[..., Desk],
) -> None:
    """The last public word is the gateway's own: it answers nothing."""
    it = make_desk(handover_message="A colleague is coming.")
    ann = it.operator("Ann")
    session = it.says("How long does it take?")
    it.hand_over(session, ann)
    it.act(doors.accept, session, ann)
    it.act(doors.set_copilot, session, ann, on=True)
    it.work()
    assert [draft.text for draft in it.drafts(session)] == ["AI: How long does it take?"]
