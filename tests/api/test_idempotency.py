"""Idempotency-Key: the same call again is answered the same and changes nothing."""

import threading
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.errors import Unavailable
from gateway.store import Transaction
from gateway.store.models import IdempotentAnswer, Message
from tests.api.house import House


def kept(house: House) -> int:
    with house.database.read() as db:
        return db.scalar(select(func.count()).select_from(IdempotentAnswer)) or 0


def test_the_same_call_again_gets_the_same_answer(house: House) -> None:
    session = house.session()
    first = house.post(f"/sessions/{session}/handover", {"reason": "r"}, key="k1")
    house.clock.advance(10)
    house.post(f"/sessions/{session}/hand_back")
    again = house.post(f"/sessions/{session}/handover", {"reason": "r"}, key="k1")
    assert (again.status_code, again.data) == (200, first.data)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"


def test_words_are_said_once(house: House) -> None:
    session = house.session()
    answers = [
        house.post(f"/sessions/{session}/messages", {"text": "Hi"}, key="k1") for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    with house.database.read() as db:
        said = db.scalar(select(func.count()).where(Message.author_kind == "operator"))
    assert said == 1


def test_a_key_belongs_to_one_call(house: House) -> None:
    session = house.session()
    other = house.session("1002")
    house.post(f"/sessions/{session}/notes", {"text": "one"}, key="k1")
    for path, body in (
        (f"/sessions/{session}/notes", {"text": "two"}),
        (f"/sessions/{other}/notes", {"text": "one"}),
        (f"/sessions/{session}/messages", {"text": "one"}),
    ):
        answer = house.post(path, body, key="k1")
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "idempotency_key_reused")
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"


def test_a_key_belongs_to_one_operator(house: House) -> None:
    session = house.session()
    one = house.post(f"/sessions/{session}/notes", {"text": "one"}, key="k1")
    two = house.post(f"/sessions/{session}/notes", {"text": "two"}, role="admin", key="k1")
    assert (one.status_code, two.status_code) == (201, 201)


def test_a_refusal_is_repeated_too(house: House) -> None:
    session = house.session()
    refused = house.post(f"/sessions/{session}/hand_back", key="k1")
    house.post(f"/sessions/{session}/handover")
    again = house.post(f"/sessions/{session}/hand_back", key="k1")
    assert refused.status_code == again.status_code == 409
    assert again.data == refused.data
    assert house.post(f"/sessions/{session}/hand_back", key="k2").status_code == 200


def test_trouble_of_ours_is_not_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    session = house.session()
    write = house.database.write

    def broken(work: Any) -> Any:
        def then_break(db: Transaction) -> Any:
            work(db)
            raise Unavailable("the disk is full")

        return write(then_break)

    with monkeypatch.context() as patch:
        patch.setattr(house.database, "write", broken)
        answer = house.post(f"/sessions/{session}/handover", key="k1")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert kept(house) == 0
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"
    assert house.post(f"/sessions/{session}/handover", key="k1").status_code == 200


def test_many_at_once_with_one_key_act_once(house: House) -> None:
    session = house.session()
    answers: list[Any] = []
    start = threading.Barrier(5)

    def try_it() -> None:
        start.wait()
        answers.append(house.post(f"/sessions/{session}/messages", {"text": "Hi"}, key="k1"))

    threads = [threading.Thread(target=try_it) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.data for answer in answers}) == 1


@pytest.mark.parametrize("key", ["", " ", "with space", "x" * 256, "ü"])
def test_an_unusable_key_is_refused(sqlite_house: House, key: str) -> None:
    session = sqlite_house.session()
    answer = sqlite_house.post(f"/sessions/{session}/handover", headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert list(answer.json["error"]["details"]["fields"]) == ["Idempotency-Key"]
