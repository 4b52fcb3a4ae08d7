"""What the record tells of: each change once, with who and why, notes under their own name."""

from typing import Any

import pytest
from sqlalchemy import select, update

from gateway import feed
from gateway.conversations import forgetting, pushes
from gateway.conversations.doors import Owing
from gateway.conversations.record import Outcome
from gateway.conversations.thread import lock_session
from gateway.errors import Ours
from gateway.events import Actor
from gateway.store import Transaction
from gateway.store.models import Message, Push
from tests.api.house import CHANNEL, House

BOB = Actor(kind="operator", id="500", name="Bob")


def kinds(house: House, after: int = 0) -> list[str]:
    """What was told of sessions and words; contacts have tests of their own."""
    rows = feed.read(house.database, after, 500)
    return [row.kind for row in rows if not row.kind.startswith("contact.")]


def rows(house: House, kind: str, after: int = 0) -> list[Any]:
    return [row for row in feed.read(house.database, after, 500) if row.kind == kind]


def now(house: House) -> int:
    return feed.head(house.database).last


def message(house: House, id: str | None) -> Any:
    with house.database.read() as db:
        return db.session.get(Message, id)


def push_of(db: Transaction, message_id: str) -> Any:
    return db.execute(select(Push.__table__).where(Push.message_id == message_id)).one()


def owe_answer(house: House, session: str, text: str) -> str:
    def owe(db: Transaction) -> str:
        held, row = lock_session(db, session)
        terms = house.parts.terms[CHANNEL]
        owing = Owing(db, terms, held, session, Outcome(), house.now, epoch=row.epoch)
        return owing.words("answer", text, Actor(kind="ai", name="support"))

    return house.database.write(owe)


def test_a_session_begins_with_its_first_message(house: House) -> None:
    session = house.session()
    assert kinds(house) == ["session.started", "message.created"]
    (created,) = rows(house, "message.created")
    assert created.session_id == session
    assert message(house, created.message_id).text == "Hello?"
    assert created.data is None  # no words in the journal


def test_a_repeated_fact_is_told_once(house: House) -> None:
    house.session()
    said = house.said("1001", "Again?")
    house.happen("1001", said)
    before = now(house)
    house.happen("1001", said)
    assert kinds(house, before) == []


def test_the_change_of_hands_is_told_with_its_reason(house: House) -> None:
    session = house.session()
    before = now(house)
    house.happen("1001", house.assigned("1001", "operator", "500"))
    assert kinds(house, before) == ["session.handed_over", "session.assigned"]
    (handed_over,) = rows(house, "session.handed_over")
    assert handed_over.session_id == session
    assert handed_over.data["trigger"] == "assignee"
    (assigned,) = rows(house, "session.assigned")
    assert assigned.data["by"]["name"] == "Bob"

    before = now(house)
    house.happen("1001", house.assigned("1001", "operator", "501"))
    assert kinds(house, before) == ["session.assigned"]
    before = now(house)
    house.happen("1001", house.assigned("1001", "ai", "814860"))
    assert kinds(house, before) == ["session.returned"]
    before = now(house)
    house.happen("1001", house.closed("1001"))
    assert kinds(house, before) == ["session.finished"]


def test_our_own_handover_is_told_once_and_its_note_under_its_own_name(house: House) -> None:
    session = house.session()
    before = now(house)
    house.post(f"/sessions/{session}/handover", {"reason": "a refund"})
    told = kinds(house, before)
    assert told.count("session.handed_over") == 1
    assert "session.assigned" not in told
    assert "note.created" in told
    assert "message.created" not in told
    (row,) = rows(house, "session.handed_over")
    assert (row.data["trigger"], row.data["reason"]) == ("manual", "a refund")


def test_notes_are_never_told_as_messages(house: House) -> None:
    house.session()
    before = now(house)
    house.happen("1001", house.noted("1001", "He is upset.", BOB))
    assert kinds(house, before) == ["note.created"]


def test_copilot_is_told_as_an_update(house: House) -> None:
    session = house.session()
    house.happen("1001", house.assigned("1001", "operator", "500"))
    before = now(house)
    house.post(f"/sessions/{session}/copilot", {"on": True})
    assert [kind for kind in kinds(house, before) if kind.startswith("session.")] in (
        ["session.updated"],
        ["session.assigned"],
    )


def test_our_words_are_told_when_written_and_when_they_are_placed(house: House) -> None:
    session = house.session()
    before = now(house)
    written = house.post(f"/sessions/{session}/messages", {"text": "I am Ann."}).json["id"]
    (created,) = rows(house, "message.created", before)
    assert created.message_id == written

    def begin(db: Transaction) -> None:
        begun = {"state": "sending", "begun_at": house.now, "tries": 1}
        db.execute(update(Push).where(Push.message_id == written).values(begun))

    house.database.write(begin)
    before = now(house)
    echo = house.said("1001", "I am Ann.", Actor(kind="operator", id="90001", name="Ann"))
    house.happen("1001", echo)
    # The echo settles our own line: it is no second message.
    assert kinds(house, before) == ["message.updated"]
    (updated,) = rows(house, "message.updated", before)
    assert updated.message_id == written
    assert message(house, written).state == "sent"


def test_cancelled_words_are_told(house: House) -> None:
    session = house.session()
    answer = owe_answer(house, session, "On its way!")
    before = now(house)
    house.happen("1001", house.assigned("1001", "operator", "500"))
    (updated,) = rows(house, "message.updated", before)
    assert updated.message_id == answer
    assert message(house, updated.message_id).state == "discarded"


def test_failed_words_and_redacted_ones_are_told(house: House) -> None:
    session = house.session()
    written = house.post(f"/sessions/{session}/notes", {"text": "Mind the dog."}).json["id"]
    before = now(house)

    def fail(db: Transaction) -> None:
        lock_session(db, session)
        pushes.end(db, push_of(db, written), "failed", "refused", house.now)

    house.database.write(fail)
    assert kinds(house, before) == ["note.updated"]
    said = house.said("1001", "My card is 4111 1111 1111 1111")
    house.happen("1001", said)
    before = now(house)

    def redact(db: Transaction) -> None:
        held, _ = lock_session(db, session)
        forgetting.redact(db, held, said.id, house.now)

    house.database.write(redact)
    assert kinds(house, before) == ["message.updated"]


def test_imports_are_told_to_nobody(house: House) -> None:
    house.happen(
        "1001", house.assigned("1001", "ai", "814860"), house.said("1001", "In 2019?"),
        source="history",
    )  # fmt: skip
    assert kinds(house) == []


def test_an_unknown_word_is_refused(house: House) -> None:
    with pytest.raises(Ours):
        house.database.write(lambda db: feed.tell(db, "session.sang", at=1))  # type: ignore[arg-type]
