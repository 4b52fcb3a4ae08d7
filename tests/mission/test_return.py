"""The way back and the end: a briefed AI, and who resolved it."""

from tests.mission.test_handover import begin
from tests.mission.worlds import AOIFE_, MOMENT, SAM, WHEN, InIntercom, Session, World
from tests.rig import BOT


def with_aoife(it: World) -> Session:
    session = begin(it)
    session.done("handover", reason="upset")
    session.done("accept", AOIFE_)
    session.done("messages", AOIFE_, text="It is on its way.")
    session.writes("When will it come?")
    return session


def test_return_the_ai_is_briefed_and_answers_what_was_left_open(it: World) -> None:
    session = with_aoife(it)
    assert session.sees()[-1] == "Customer: When will it come?"
    it.move_to(MOMENT)
    answer = session.done("hand_back", AOIFE_)
    assert answer["message"] == "Session returned to the AI agent"
    told = session.now()
    assert (told["mode"], told["responsible"]["name"]) == ("ai", "AI")
    assert told["wait"] is None
    assert f"Returned to the AI agent by {AOIFE_} at {WHEN}" in session.markers()
    turn = it.agent.turns[-1]
    assert turn.cause == "returned"
    assert turn.brief is not None
    assert "to 2026-11-24T07:08:00Z" in turn.brief, "from when to when"
    assert "upset" in turn.brief, "why"
    assert f"{AOIFE_} (a person): It is on its way." in turn.brief
    words = [(one.author.kind, one.text) for one in turn.messages]
    assert ("operator", "It is on its way.") in words, "marked as a person's"
    assert session.sees()[-1] == session.said()[-1] == "AI: AI: When will it come?"
    session.writes("Thanks")
    assert session.sees()[-1] == "AI: AI: Thanks"
    assert session.now()["handover"]["allowed"], "and it can be handed over once more"


def test_return_nothing_is_asked_where_nothing_is_open(it: World) -> None:
    session = with_aoife(it)
    session.done("messages", AOIFE_, text="Tomorrow.")
    asked = len(it.agent.turns)
    session.done("hand_back", AOIFE_)
    assert len(it.agent.turns) == asked
    assert session.sees()[-1] == f"{AOIFE_}: Tomorrow."


def test_return_of_what_the_ai_has_is_refused(it: World) -> None:
    session = begin(it)
    assert session.do("hand_back").status == 409


def test_return_in_intercom_the_bot_holds_it_before_it_speaks(intercom: InIntercom) -> None:
    session = with_aoife(intercom)
    session.done("hand_back", AOIFE_)
    thread = intercom.it.world.conversations[session.conversation]
    assert str(thread.holding.admin_id) == BOT
    assert [part.part_type for part in thread.parts[-2:]] == ["assignment", "comment"]


def test_finish_the_marker_names_who_resolved_it(it: World) -> None:
    session = with_aoife(it)
    it.move_to(MOMENT)
    answer = session.done("finish", AOIFE_, reason="solved")
    assert answer["message"] == "Session finished"
    told = session.now()
    assert (told["status"], told["mode"]) == ("finished", "human")
    assert told["finished_at"] == "2026-11-24T07:08:00Z"
    assert told["wait"] is None
    assert session.markers()[-1] == f"The session was resolved by {AOIFE_} at {WHEN}"
    if isinstance(it, InIntercom):
        assert it.it.world.conversations[session.conversation].state == "closed"
    for act in ("finish", "hand_back", "release"):
        assert session.do(act, SAM).refusal == (409, "Session is already finished")
    assert session.do("messages", AOIFE_, text="Hi").refusal == (409, "Session is already finished")


def test_finish_the_next_session_begins_with_the_ai_or_where_the_channel_says(it: World) -> None:
    session = with_aoife(it)
    session.done("finish", AOIFE_)
    session.writes("One more thing")
    newest = session.all()[0]
    assert newest["id"] != session.id
    # Closed under a person, Intercom keeps them as its assignee: they get the customer's next word.
    held = isinstance(it, InIntercom)
    assert newest["mode"] == ("human" if held else "ai")
    assert newest["responsible"]["name"] == (AOIFE_ if held else "AI")
    assert (session.sees()[-1] == "AI: AI: One more thing") is not held
