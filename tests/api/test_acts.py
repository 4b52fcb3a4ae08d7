"""Acting on sessions through the API: the sentences, the modes, what the history then says."""

import threading

import pytest
from sqlalchemy import func, select

from gateway.conversations.doors import FINISHED, HANDLED, NOT_PERMITTED
from gateway.events import Actor
from gateway.store.models import Push
from tests.api.house import CHANNEL, House


def owed(house: House, session: str) -> list[tuple[str, str]]:
    with house.database.read() as db:
        rows = db.execute(
            select(Push.role, Push.state).where(Push.session_id == session).order_by(Push.id)
        )
        return [(row[0], row[1]) for row in rows]


def markers(house: House, session: str) -> list[str]:
    items = house.get(f"/sessions/{session}/messages").json["items"]
    return [item["text"] for item in items if item["kind"] == "marker"]


def test_the_sentences_are_the_missions() -> None:
    assert FINISHED == "Session is already finished"
    assert HANDLED == "Session is already handled by an operator"
    assert NOT_PERMITTED == "You do not have permission to hand over sessions"


def test_a_handover_silences_the_ai_at_once(house: House) -> None:
    session = house.session()
    answer = house.post(f"/sessions/{session}/handover", {"reason": "upset"})
    assert answer.status_code == 200
    told = answer.json
    assert told["message"] == "Session set to operator"
    assert told["in_flight"] == 0
    assert told["session"]["mode"] == "human"
    assert told["session"]["responsible"]["kind"] == "unassigned"
    assert told["session"]["waiting_since"] is not None
    assert told["session"]["handover"] == {"allowed": False, "reason": HANDLED}
    assert told["session"]["last_handover"]["trigger"] == "manual"
    assert told["session"]["last_handover"]["reason"] == "upset"
    assert told["session"]["last_handover"]["by"] == {
        "kind": "operator", "id": house.ids["operator"], "name": "Operator Ann",
    }  # fmt: skip
    assert house.get(f"/sessions/{session}").json == told["session"]
    assert owed(house, session) == [("note", "owed"), ("assignment", "owed")]
    assert markers(house, session) == ["Transfer to human agent at 22 Nov 2026, 16:00"]


def test_a_handover_needs_no_body(house: House) -> None:
    assert house.post(f"/sessions/{house.session()}/handover").status_code == 200


def test_the_link_in_the_note_leads_to_the_session(sqlite_house: House) -> None:
    session = sqlite_house.session()
    sqlite_house.post(f"/sessions/{session}/handover")
    with sqlite_house.database.read() as db:
        note = db.scalar(select(Push.command).where(Push.role == "note"))
    assert f"https://gateway.acme.test/console/sessions/{session}" in (note or "")


def test_three_refusals_in_their_exact_words(house: House) -> None:
    session = house.session()

    answer = house.post(f"/sessions/{session}/handover", role="viewer")
    assert answer.status_code == 403
    assert answer.json["error"]["message"] == NOT_PERMITTED
    seen = house.get(f"/sessions/{session}", role="viewer").json
    assert seen["handover"] == {"allowed": False, "reason": NOT_PERMITTED}
    assert seen["mode"] == "ai"

    allowed = house.get(f"/sessions/{session}").json["handover"]
    assert allowed == {"allowed": True, "reason": None}
    assert house.post(f"/sessions/{session}/handover").status_code == 200
    answer = house.post(f"/sessions/{session}/handover")
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "conflict")
    assert answer.json["error"]["message"] == HANDLED

    assert house.post(f"/sessions/{session}/finish").status_code == 200
    answer = house.post(f"/sessions/{session}/handover")
    assert answer.status_code == 409
    assert answer.json["error"]["message"] == FINISHED
    assert house.get(f"/sessions/{session}").json["handover"]["reason"] == FINISHED


def test_copilot_counts_as_handled(house: House) -> None:
    session = house.session()
    answer = house.post(f"/sessions/{session}/copilot", {"on": True})
    assert answer.status_code == 200
    assert answer.json["session"]["mode"] == "copilot"
    assert answer.json["session"]["responsible"]["name"] == "Operator Ann"
    answer = house.post(f"/sessions/{session}/handover")
    assert (answer.status_code, answer.json["error"]["message"]) == (409, HANDLED)
    answer = house.post(f"/sessions/{session}/copilot", {"on": False})
    assert answer.json["session"]["mode"] == "human"


def test_a_finished_session_ends_and_the_next_word_opens_another(house: House) -> None:
    first = house.session("1001")
    answer = house.post(f"/sessions/{first}/finish", {"reason": "solved"})
    assert answer.json["message"] == "Session finished"
    assert answer.json["session"]["status"] == "finished"
    assert answer.json["session"]["finished_at"] is not None
    house.clock.advance(5)
    house.happen("1001", house.said("1001", "One more thing"))
    items = house.get("/sessions?conversation=1001").json["items"]
    assert [item["status"] for item in items] == ["active", "finished"]
    assert items[1]["id"] == first


def test_the_ai_is_put_back_in_charge(house: House) -> None:
    session = house.session()
    assert house.post(f"/sessions/{session}/hand_back").status_code == 409
    house.post(f"/sessions/{session}/handover")
    house.clock.advance(60)
    answer = house.post(f"/sessions/{session}/hand_back")
    assert answer.status_code == 200
    assert answer.json["session"]["mode"] == "ai"
    assert answer.json["session"]["responsible"]["name"] == "AI"
    assert markers(house, session)[-1] == (
        "Returned to the AI agent by Operator Ann at 22 Nov 2026, 16:01"
    )


def test_an_operators_words_take_over_and_are_logged(house: House) -> None:
    session = house.session()
    answer = house.post(f"/sessions/{session}/messages", {"text": "Let me **look**"})
    assert answer.status_code == 201
    message = answer.json
    assert message["author"] == {
        "kind": "operator", "id": house.ids["operator"], "name": "Operator Ann",
    }  # fmt: skip
    assert message["state"] == "owed"
    assert message["delivery"] == {
        "state": "owed", "error": None, "attempts": 0, "overlapped": False,
    }  # fmt: skip
    items = house.get(f"/sessions/{session}/messages").json["items"]
    assert items[-1] == message
    seen = house.get(f"/sessions/{session}").json
    assert (seen["mode"], seen["last_handover"]["trigger"]) == ("human", "reply")
    assert ("operator", "owed") in owed(house, session)


def test_notes_stay_inside(house: House) -> None:
    session = house.session()
    answer = house.post(f"/sessions/{session}/notes", {"text": "VIP"})
    assert (answer.status_code, answer.json["kind"]) == (201, "note")
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"


def test_an_operator_without_a_link_is_told_how_to_get_one(house: House) -> None:
    session = house.session()
    house.add_operator("operator", key="unlinked")
    answer = house.post(f"/sessions/{session}/messages", {"text": "Hi"}, role="unlinked")
    assert answer.status_code == 409
    assert f"--link {CHANNEL}:ADMIN_ID" in answer.json["error"]["message"]
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("handover", {}),
        ("hand_back", {}),
        ("finish", {}),
        ("copilot", {"on": True}),
        ("messages", {"text": "Hi"}),
        ("notes", {"text": "Hi"}),
    ],
)
def test_viewers_read_and_never_act(sqlite_house: House, act: str, body: dict[str, str]) -> None:
    session = sqlite_house.session()
    before = sqlite_house.get(f"/sessions/{session}").json
    answer = sqlite_house.post(f"/sessions/{session}/{act}", body, role="viewer")
    assert answer.status_code == 403
    assert answer.json["error"]["code"] == "forbidden"
    assert sqlite_house.get(f"/sessions/{session}").json == before
    unknown = sqlite_house.post(f"/sessions/ses_{'0' * 26}/{act}", body)
    assert unknown.status_code == 404


def test_two_who_hand_over_at_once_get_one_yes(house: House) -> None:
    session = house.session()
    codes: list[int] = []
    start = threading.Barrier(4)

    def try_it() -> None:
        start.wait()
        codes.append(house.post(f"/sessions/{session}/handover").status_code)

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, 409, 409, 409]
    with house.database.read() as db:
        assert db.scalar(select(func.count()).where(Push.role == "note")) == 1


def test_an_assignment_in_the_channel_shows_who_holds_it(house: House) -> None:
    session = house.session()
    house.staff("operator", "500", "Bob")
    house.staff("team", "77", "Refunds")
    house.happen("1001", house.assigned("1001", "team", "77"))
    seen = house.get(f"/sessions/{session}").json
    assert seen["responsible"] == {
        "kind": "unassigned", "id": None, "name": "Unassigned",
        "team": "77", "team_name": "Refunds", "avatar": None,
    }  # fmt: skip
    house.happen("1001", house.assigned("1001", "operator", "500"))
    seen = house.get(f"/sessions/{session}").json
    assert seen["responsible"]["name"] == "Bob"
    assert markers(house, session) == [
        "Transfer to human agent at 22 Nov 2026, 16:00",
        "Team Refunds was assigned by Bob at 22 Nov 2026, 16:00",
        "Bob was assigned by Bob at 22 Nov 2026, 16:00",
    ]
    house.staff("operator", "500", "Robert")
    assert markers(house, session)[-1].startswith("Robert was assigned by Robert at")


def test_a_customer_is_called_by_todays_name(house: House) -> None:
    session = house.session()
    carol = Actor(kind="customer", id="c1", name="An old name")
    house.happen("1001", house.said("1001", "Me again", by=carol))
    items = house.get(f"/sessions/{session}/messages").json["items"]
    assert [item["author"]["name"] for item in items if item["kind"] == "message"] == ["Carol"] * 2


def test_a_session_is_given_to_a_team_of_the_channel(sqlite_house: House) -> None:
    it = sqlite_house
    it.staff("team", "700", "Support")
    session = it.session()
    answer = it.post(f"/sessions/{session}/assign", {"team_id": "700"})
    assert answer.status_code == 200, answer.json
    told = answer.json["session"]
    assert (told["mode"], told["responsible"]["kind"]) == ("human", "unassigned")
    assert told["responsible"]["team_name"] == "Support"
    assert owed(it, session)[-1] == ("assignment", "owed")
    again = it.post(f"/sessions/{session}/assign", {"team_id": "700"})
    assert again.json["error"]["message"] == "Session waits for this team already"
    unknown = it.post(f"/sessions/{session}/assign", {"team_id": "701"})
    assert unknown.status_code == 404
    assert unknown.json["error"]["message"] == f"there is no team 701 in {CHANNEL}"


@pytest.mark.parametrize("body", [{}, {"operator_id": "opr_" + "0" * 26, "team_id": "700"}])
def test_a_session_is_given_to_one_operator_or_one_team(
    sqlite_house: House, body: dict[str, str]
) -> None:
    answer = sqlite_house.post(f"/sessions/{sqlite_house.session()}/assign", body)
    assert answer.status_code == 422
    assert list(answer.json["error"]["details"]["fields"]) == ["operator_id"]


def test_who_looks_is_told_who_else_does(sqlite_house: House) -> None:
    it = sqlite_house
    session = it.session()
    answer = it.post(f"/sessions/{session}/looking", {"on": True})
    assert (answer.status_code, answer.json) == (200, {"others": []}), "there is no Redis here"
    assert it.post(f"/sessions/ses_{'0' * 26}/looking", {"on": True}).status_code == 404
    assert it.post(f"/sessions/{session}/looking", {"on": True}, role="viewer").status_code == 403
