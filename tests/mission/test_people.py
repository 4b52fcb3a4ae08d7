"""M6-M8 and all that people do with a session among themselves, with a helpdesk and without one."""

from tests.mission.test_handover import begin
from tests.mission.worlds import (
    AOIFE_,
    MAREK_,
    MOMENT,
    SAM,
    VERA,
    WHEN,
    InIntercom,
    Session,
    World,
)
from tests.rig import AOIFE, BOT, MAREK


def handed_over(it: World) -> Session:
    session = begin(it)
    session.done("handover", reason="upset")
    return session


# -- M6 --------------------------------------------------------------------------------------------


def test_m6_it_is_incoming_with_the_complete_history_until_it_is_accepted(it: World) -> None:
    session = begin(it)
    assert not session.incoming()
    session.done("handover", reason="upset")
    session.writes("Hello?")
    assert session.incoming()
    told = session.now(AOIFE_)
    assert told["wait"]["step"] == "accept"
    assert told["wait"]["since"] == told["waiting_since"] == told["last_handover"]["at"]
    assert told["wait"]["due_at"] > told["wait"]["since"], "nobody waits without a deadline"
    assert session.said() == [
        "Customer: Where is my parcel?", "AI: AI: Where is my parcel?", "Customer: Hello?",
    ] == session.sees()  # fmt: skip

    answer = session.done("accept", AOIFE_)
    assert answer["message"] == "Session accepted"
    told = session.now()
    assert not session.incoming()
    assert (told["mode"], told["waiting_since"]) == ("human", None)
    assert told["wait"]["step"] == "first_reply"
    assert len(session.said()) == 3, "the history is the same"


def test_m6_the_first_to_accept_wins_and_the_second_is_told_who_has_it(it: World) -> None:
    session = handed_over(it)
    session.done("accept", AOIFE_)
    answer = session.do("accept", MAREK_)
    assert answer.refusal == (409, f"Session was already accepted by {AOIFE_}")
    assert answer.json["error"]["details"]["responsible"]["name"] == AOIFE_
    assert session.do("accept", AOIFE_).refusal == (409, "You have accepted this session already")
    assert session.now()["responsible"]["name"] == AOIFE_


def test_m6_what_cannot_be_accepted_says_why(it: World) -> None:
    session = begin(it)
    assert session.do("accept", AOIFE_).refusal == (
        409, "Session is handled by the AI; hand it over first",
    )  # fmt: skip
    session.done("handover")
    assert session.do("accept", VERA).status == 403
    assert session.incoming()
    session.done("finish")
    assert session.do("accept", AOIFE_).refusal == (409, "Session is already finished")
    assert not session.incoming()


# -- M7 --------------------------------------------------------------------------------------------


def test_m7_responsible_before_and_after_and_who_accepted(it: World) -> None:
    session = begin(it)
    shown = session.now()["responsible"]
    assert (shown["kind"], shown["name"]) == ("ai", "AI")
    session.done("handover")
    shown = session.now()["responsible"]
    assert (shown["kind"], shown["name"], shown["avatar"]) == ("unassigned", "Unassigned", None)
    it.move_to(MOMENT)
    session.done("accept", AOIFE_)
    shown = session.now()["responsible"]
    assert (shown["kind"], shown["name"]) == ("operator", AOIFE_)
    assert shown["avatar"]["initials"] == "AB"
    assert session.markers()[-1] == f"{AOIFE_} was assigned by {AOIFE_} at {WHEN}"
    found = session.get(f"/sessions?responsible={AOIFE_.split()[0]}")["items"]
    assert [one["id"] for one in found] == [session.id]


def test_m7_whom_somebody_assigns_is_told_with_both_names(it: World) -> None:
    of_the_ai, waiting, of_another = begin(it), handed_over(it), handed_over(it)
    of_another.done("accept", MAREK_)
    it.move_to(MOMENT)
    for session in (of_the_ai, waiting, of_another):
        answer = session.done("assign", SAM, operator_id=it.ids[AOIFE_])
        assert answer["message"] == "Session assigned"
        told = session.now()
        assert (told["mode"], told["responsible"]["name"]) == ("human", AOIFE_)
        assert not session.incoming()
        assert session.markers()[-1] == f"{AOIFE_} was assigned by {SAM} at {WHEN}"
        assert len([one for one in session.markers() if one.startswith("Transfer")]) == 1
        if isinstance(it, InIntercom):
            assert it.it.world.conversations[session.conversation].holding.admin_id == AOIFE
        again = session.do("assign", SAM, operator_id=it.ids[AOIFE_])
        assert again.refusal == (409, f"Session is already assigned to {AOIFE_}")


def test_m7_a_handover_to_somebody_names_them_at_once(it: World) -> None:
    session = begin(it)
    it.move_to(MOMENT)
    session.done("handover", SAM, operator_id=it.ids[MAREK_])
    assert session.now()["responsible"]["name"] == MAREK_
    assert session.markers() == [
        f"Transfer to human agent at {WHEN}", f"{MAREK_} was assigned by {SAM} at {WHEN}",
    ]  # fmt: skip
    assert not session.incoming()


def test_m7_released_it_is_unassigned_and_incoming_again(it: World) -> None:
    session = handed_over(it)
    session.done("accept", AOIFE_)
    it.move_to(MOMENT)
    assert session.done("release", AOIFE_)["message"] == "Session released"
    told = session.now()
    assert (told["mode"], told["responsible"]["kind"]) == ("human", "unassigned")
    assert session.incoming()
    assert session.markers()[-1] == f"Unassigned by {AOIFE_} at {WHEN}"
    if isinstance(it, InIntercom):
        assert it.it.world.conversations[session.conversation].holding.admin_id is None
    assert session.do("release", AOIFE_).refusal == (409, "Session is not assigned to anybody")
    session.done("accept", MAREK_)
    assert session.now()["responsible"]["name"] == MAREK_


def test_m7_a_viewer_is_nobody_to_assign(it: World) -> None:
    session = handed_over(it)
    answer = session.do("assign", SAM, operator_id=it.ids[VERA])
    assert answer.refusal == (409, f"{VERA} is a viewer and cannot take sessions")
    assert session.do("assign", VERA, operator_id=it.ids[AOIFE_]).status == 403
    assert session.incoming()


# -- M8 --------------------------------------------------------------------------------------------


def test_m8_an_operators_words_are_in_the_history_and_reach_the_customer(it: World) -> None:
    session = handed_over(it)
    session.done("accept", AOIFE_)
    session.done("messages", AOIFE_, text="It comes tomorrow.")
    session.writes("Thank you!")
    expected = [
        "Customer: Where is my parcel?", "AI: AI: Where is my parcel?",
        f"{AOIFE_}: It comes tomorrow.", "Customer: Thank you!",
    ]  # fmt: skip
    assert session.said() == expected
    assert session.sees() == expected
    (line,) = [one for one in session.lines("message") if one["author"]["kind"] == "operator"]
    assert (line["state"], line["author"]["name"]) == ("sent", AOIFE_)


def test_m8_writing_takes_what_nobody_has_yet(it: World) -> None:
    for session, trigger in ((begin(it), "reply"), (handed_over(it), "manual")):
        session.done("messages", AOIFE_, text="I am here.")
        told = session.now()
        assert (told["mode"], told["responsible"]["name"]) == ("human", AOIFE_)
        assert told["last_handover"]["trigger"] == trigger
        assert session.sees()[-1] == f"{AOIFE_}: I am here."
        session.writes("Oh, hello")
        assert session.sees()[-1] == "Customer: Oh, hello", "the AI keeps silent"


def test_m8_a_note_is_for_the_people_inside(it: World) -> None:
    session = handed_over(it)
    before = session.sees()
    session.done("notes", AOIFE_, text="A good customer.")
    assert session.lines("note")[-1]["text"] == "A good customer."
    assert session.sees() == before


# -- in Intercom: who they are there ---------------------------------------------------------------


def test_m8_in_intercom_the_words_are_the_linked_teammates(intercom: InIntercom) -> None:
    session = handed_over(intercom)
    session.done("messages", MAREK_, text="Marek here.")
    thread = intercom.it.world.conversations[session.conversation]
    (part,) = [one for one in thread.parts if "Marek here." in (one.body or "")]
    assert str(part.author.id) == str(MAREK)
    assert thread.holding.admin_id == MAREK


def test_m8_in_intercom_an_operator_without_a_link_is_told_what_to_do(
    intercom: InIntercom,
) -> None:
    session = handed_over(intercom)
    before = session.now(), session.lines()
    acts = (("accept", {}), ("messages", {"text": "Hi"}), ("copilot", {"on": True}))
    for act, body in acts:
        assert session.do(act, SAM, **body).refusal == (
            409,
            "You are not linked to a person in acme-intercom; an administrator can do it: "
            "gateway operators add … --link acme-intercom:ADMIN_ID",
        )
    assert (session.now(), session.lines()) == before


def test_m7_in_intercom_nobody_without_a_link_is_assigned(intercom: InIntercom) -> None:
    session = handed_over(intercom)
    status, sentence = session.do("assign", AOIFE_, operator_id=intercom.ids[SAM]).refusal
    assert (status, sentence.split(";")[0]) == (
        409, f"{SAM} is not linked to a person in acme-intercom",
    )  # fmt: skip
    assert session.incoming()


def test_m4_in_intercom_the_handover_leaves_the_bots_hands(intercom: InIntercom) -> None:
    session = begin(intercom)
    thread = intercom.it.world.conversations[session.conversation]
    intercom.it.world.assign(session.conversation, BOT, by=AOIFE)
    intercom.settle()
    session.done("handover", reason="upset")
    assert thread.holding.admin_id is None
    (note,) = [part for part in thread.parts if part.part_type == "note"]
    assert "upset" in (note.body or "")
    assert session.id in (note.body or ""), "with the way to the session"
