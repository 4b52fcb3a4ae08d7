"""Copilot: the AI drafts, a person decides, the customer reads the person."""

from typing import Any

from tests.mission.test_handover import begin
from tests.mission.worlds import AOIFE_, MOMENT, SAM, WHEN, InIntercom, Session, World
from tests.rig import AOIFE, BOT

QUESTION = "How long does it take?"


def with_draft(it: World) -> tuple[Session, Any]:
    """A session in copilot mode in which the AI has drafted an answer."""
    session = begin(it)
    session.done("copilot", AOIFE_, on=True)
    session.writes(QUESTION)
    told = session.now()
    assert (told["mode"], told["responsible"]["name"]) == ("copilot", AOIFE_)
    (draft,) = [one for one in session.lines("draft") if one["draft"]["state"] == "open"]
    assert draft["text"] == f"AI: {QUESTION}"
    assert session.sees()[-1] == f"Customer: {QUESTION}", "the customer sees no draft"
    return session, draft


def now_of(session: Session, draft: Any) -> Any:
    (line,) = [one for one in session.lines("draft") if one["id"] == draft["id"]]
    return line


def test_copilot_a_draft_is_sent_as_it_is_or_edited(it: World) -> None:
    for body, state, said in (
        ({}, "sent", f"AI: {QUESTION}"), ({"text": "Two days."}, "edited", "Two days."),
    ):  # fmt: skip
        session, draft = with_draft(it)
        sent = session.done(f"drafts/{draft['id']}/send", AOIFE_, **body)
        assert session.sees()[-1] == session.said()[-1] == f"{AOIFE_}: {said}", "a person said it"
        told = now_of(session, draft)
        assert told["text"] == f"AI: {QUESTION}", "what the AI wrote is kept"
        assert (told["draft"]["state"], told["draft"]["sent_as"]) == (state, sent["id"])
        assert told["draft"]["ended_by"] == it.ids[AOIFE_]
        assert session.do(f"drafts/{draft['id']}/send", AOIFE_).status == 409
        assert session.now()["mode"] == "copilot"


def test_copilot_a_draft_is_discarded(it: World) -> None:
    session, draft = with_draft(it)
    before = session.sees()
    session.done(f"drafts/{draft['id']}/discard", AOIFE_)
    assert now_of(session, draft)["draft"]["state"] == "discarded"
    answer = session.do(f"drafts/{draft['id']}/send", AOIFE_)
    assert answer.refusal == (409, "This draft was discarded; write what should be said now")
    assert session.sees() == before


def test_copilot_a_draft_expires_when_anything_public_is_said_after_it(it: World) -> None:
    for customer in (True, False):
        session, draft = with_draft(it)
        if customer:
            session.writes("Are you there?")
        else:
            session.done("messages", AOIFE_, text="One moment.")
        assert now_of(session, draft)["draft"]["state"] == "expired"
        status, sentence = session.do(f"drafts/{draft['id']}/send", AOIFE_).refusal
        assert (status, "expired" in sentence) == (409, True)
        opened = [one["text"] for one in session.lines("draft") if one["draft"]["state"] == "open"]
        assert opened == (["AI: Are you there?"] if customer else []), "a new one, if asked"


def test_copilot_off_the_person_goes_on_alone(it: World) -> None:
    session, draft = with_draft(it)
    it.move_to(MOMENT)
    session.done("copilot", AOIFE_, on=False)
    told = session.now()
    assert (told["mode"], told["responsible"]["name"]) == ("human", AOIFE_)
    assert session.markers()[0].startswith(f"Copilot switched on by {AOIFE_} at 24 Nov 2026, 16:0")
    assert session.markers()[-1] == f"Copilot switched off by {AOIFE_} at {WHEN}"
    assert now_of(session, draft)["draft"]["state"] == "expired"
    session.writes("Hello?")
    assert not [one for one in session.lines("draft") if one["draft"]["state"] == "open"]


def test_copilot_in_intercom_drafts_are_notes_and_are_sent_as_the_linked_teammate(
    intercom: InIntercom,
) -> None:
    session, draft = with_draft(intercom)
    thread = intercom.it.world.conversations[session.conversation]
    assert thread.holding.admin_id == AOIFE
    noted = [part for part in thread.parts if QUESTION in (part.body or "")][-1]
    assert (noted.part_type, str(noted.author.id)) == ("note", BOT)
    session.done(f"drafts/{draft['id']}/send", AOIFE_)
    said = thread.parts[-1]
    assert (said.part_type, str(said.author.id)) == ("comment", str(AOIFE))
    answer = session.do("messages", SAM, text="Hi")
    assert answer.status == 409, "who has no seat there cannot speak there"
