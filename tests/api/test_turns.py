"""Late answers: signed by the agent, recorded once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.agents.http.signing import Signatures
from gateway.store.models import TurnRow
from tests.api.house import AGENT_SECRET, House

ANSWER = {"messages": [{"text": "It is on its way."}], "results": {"order": "42"}}


@pytest.fixture
def late_house(migrated_url: str) -> Iterator[House]:
    house = House(migrated_url, agent="late")
    yield house
    house.parts.database.dispose()


def waiting_turn(house: House, conversation: str = "1001") -> tuple[str, str]:
    """A session whose agent said 202; its id and its turn's."""
    session = house.session(conversation)
    with house.database.read() as db:
        turn = db.scalars(select(TurnRow.id).where(TurnRow.session_id == session)).one()
    house.database.write(
        lambda db: db.execute(
            update(TurnRow)
            .where(TurnRow.id == turn)
            .values(state="waiting", asked_at=house.now, upto_at=house.now)
        )
    )
    return session, turn


def reply(
    house: House, turn: str, answer: Any, *, signed_as: str | None = None,
    secret: str = AGENT_SECRET,
) -> Any:  # fmt: skip
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    # The library compares with the machine's clock.
    headers = Signatures([secret]).headers(signed_as or turn, datetime.now(UTC), body)
    return house.client().post(f"/api/v1/turns/{turn}/reply", data=body, headers=headers)


def test_a_late_answer_is_recorded_once(late_house: House) -> None:
    session, turn = waiting_turn(late_house)
    answer = reply(late_house, turn, ANSWER)
    assert (answer.status_code, answer.json) == (200, {"status": "recorded"})
    assert reply(late_house, turn, ANSWER).json == {"status": "recorded"}
    different = reply(late_house, turn, {"messages": [{"text": "No."}]})
    assert different.status_code == 409
    items = late_house.get(f"/sessions/{session}/messages").json["items"]
    assert [line["text"] for line in items] == ["Hello?", "It is on its way."]
    assert items[1]["author"] == {"kind": "ai", "id": None, "name": "late"}
    assert items[1]["delivery"]["state"] == "owed"
    assert late_house.get(f"/sessions/{session}").json["results"] == {"order": "42"}


def test_an_answer_after_the_handover_is_discarded(late_house: House) -> None:
    session, turn = waiting_turn(late_house)
    late_house.post(f"/sessions/{session}/handover")
    assert reply(late_house, turn, ANSWER).json == {"status": "discarded"}
    assert reply(late_house, turn, ANSWER).json == {"status": "discarded"}
    items = late_house.get(f"/sessions/{session}/messages").json["items"]
    discarded = [line for line in items if line["state"] == "discarded"]
    assert [line["text"] for line in discarded] == ["It is on its way."]
    assert discarded[0]["why"]


def test_only_the_agent_gets_in(late_house: House) -> None:
    session, turn = waiting_turn(late_house)
    other_secret = "whsec_" + "b3RoZXI" * 4
    assert reply(late_house, turn, ANSWER, secret=other_secret).status_code == 401
    unsigned = late_house.client().post(f"/api/v1/turns/{turn}/reply", json=ANSWER)
    assert unsigned.status_code == 401
    token = {"Authorization": f"Bearer {late_house.tokens['admin']}"}
    with_token = late_house.client().post(f"/api/v1/turns/{turn}/reply", json=ANSWER, headers=token)
    assert with_token.status_code == 401
    assert len(late_house.get(f"/sessions/{session}/messages").json["items"]) == 1


def test_an_answer_cannot_be_posted_to_another_turn(late_house: House) -> None:
    _, one = waiting_turn(late_house, "1001")
    session, two = waiting_turn(late_house, "1002")
    answer = reply(late_house, two, ANSWER, signed_as=one)
    assert answer.status_code == 401
    assert "webhook-id" in answer.json["error"]["message"]
    assert len(late_house.get(f"/sessions/{session}/messages").json["items"]) == 1


def test_unknown_turns_are_not_found(late_house: House) -> None:
    for turn in ("trn_" + "0" * 26, "x", "%00", "ses_" + "0" * 26):
        assert reply(late_house, turn, ANSWER).status_code == 404


def test_an_unreadable_answer_leaves_the_turn_open(late_house: House) -> None:
    _, turn = waiting_turn(late_house)
    bodies = (
        b"", b"[]", b"{", b"\xff", b'{"messages": 1}', b"[" * 100_000, b'{"finish": "yes"}',
    )  # fmt: skip
    for body in bodies:
        answer = reply_raw(late_house, turn, body)
        assert answer.status_code in (400, 401), body
        assert answer.json["error"]["message"]
    assert reply(late_house, turn, ANSWER).json == {"status": "recorded"}


def test_a_large_answer_is_refused(late_house: House) -> None:
    _, turn = waiting_turn(late_house)
    answer = reply(late_house, turn, {"messages": [], "x": "y" * (1024 * 1024)})
    assert answer.status_code == 413


def reply_raw(house: House, turn: str, body: bytes) -> Any:
    import base64
    import hashlib
    import hmac

    stamp = str(int(datetime.now(UTC).timestamp()))
    key = base64.b64decode(AGENT_SECRET.removeprefix("whsec_"))
    signed = f"{turn}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    headers = {
        "webhook-id": turn, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}",
    }  # fmt: skip
    return house.client().post(f"/api/v1/turns/{turn}/reply", data=body, headers=headers)


def test_what_an_answer_holds_of_the_customer_goes_to_the_contact(late_house: House) -> None:
    session, turn = waiting_turn(late_house)
    answer = {
        "messages": [],
        "parameters": {"phone": "+353 1 555 0147", "email": "not mapped"},
        "results": {"order": "42"},
    }
    assert reply(late_house, turn, answer).json == {"status": "recorded"}
    contact = late_house.get(f"/sessions/{session}").json["contact"]["id"]
    card = late_house.get(f"/contacts/{contact}").json
    assert card["phone"] == "+353 1 555 0147"
    assert card["email"] == "carol@example.test"
    order = card["custom"]["order"]
    assert (order["value"], order["level"]) == ("42", "claimed")
    assert order["source"] == {
        "kind": "ai", "id": None, "name": "late", "channel": None, "session": session,
    }  # fmt: skip
    # The same answer again teaches nothing: a person's correction in between stands.
    headers = {"If-Match": late_house.get(f"/contacts/{contact}").headers["ETag"]}
    body = {"phone": "+353 1 555 0148"}
    late_house.call("PATCH", f"/contacts/{contact}", "operator", json=body, headers=headers)
    assert reply(late_house, turn, answer).json == {"status": "recorded"}
    assert late_house.get(f"/contacts/{contact}").json["phone"] == "+353 1 555 0148"


def test_an_answer_that_is_discarded_teaches_nothing(late_house: House) -> None:
    session, turn = waiting_turn(late_house)
    late_house.post(f"/sessions/{session}/handover")
    assert reply(late_house, turn, ANSWER).json == {"status": "discarded"}
    contact = late_house.get(f"/sessions/{session}").json["contact"]["id"]
    assert late_house.get(f"/contacts/{contact}").json["custom"] == {}
