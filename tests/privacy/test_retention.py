"""What is not kept any longer: words of sessions that ended long ago, and bodies of deliveries."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.conversations import facts as kept
from gateway.events import Answer
from gateway.handover import Story, fold
from gateway.store.models import ChatSession, Conversation, Message
from tests.privacy.world import World, world
from tests.rig import AOIFE, CHANNEL

DAY_S = 86_400


@pytest.fixture
def lite(migrated_sqlite_url: str, valkey_url: str, tmp_path: Path) -> Iterator[World]:
    with world(
        migrated_sqlite_url, valkey_url, tmp_path, retention_days=30, payload_days=40
    ) as made:
        yield made


@pytest.fixture
def it(migrated_url: str, valkey_url: str, tmp_path: Path) -> Iterator[World]:
    with world(migrated_url, valkey_url, tmp_path, retention_days=30, payload_days=40) as made:
        yield made


def two_sessions(it: World) -> None:
    """One session that ends, handed over with a reason; and, twenty days later, another one."""
    started = it.world.customer_starts("first pearlmark", name="Carol")
    it.conversation = started.conversation.id
    it.agent.next.append(Answer(messages=["topazmark"], parameters={"colour": "quartzmark"}))
    it.settle()
    it.advance(5)
    session = it.session(it.conversation).id
    it.ok("POST", f"/sessions/{session}/handover", it.admin, reason="agatemark")
    it.ok("POST", f"/sessions/{session}/accept", it.operator)
    it.ok("POST", f"/sessions/{session}/messages", it.operator, text="onyxmark")
    it.settle()
    it.advance(5)
    it.world.close(it.conversation, AOIFE)
    it.settle()
    it.advance(20 * DAY_S)
    it.world.customer_replies(it.conversation, "second rubymark")
    it.settle()


def story(it: World) -> Story:
    with it.parts.database.read() as db:
        (conversation,) = db.scalars(select(Conversation.id))
        facts = kept.load(db, conversation)
    return fold(facts, it.parts.terms[CHANNEL].channel.policy)


def shape(it: World) -> Any:
    """All of a conversation but what somebody put into words."""
    told = story(it)
    with it.parts.database.read() as db:
        columns = [
            one for one in ChatSession.__table__.columns
            if one.name not in ("handover", "parameters", "results", "summary", "forgotten_at")
        ]  # fmt: skip
        sessions = db.execute(select(*columns).order_by(ChatSession.id)).all()
        lines = db.execute(
            select(
                Message.id, Message.kind, Message.session_id, Message.at, Message.state
            ).order_by(Message.id)
        ).all()
        thread = db.scalars(select(Conversation.thread)).one()
    runs = [(key, run.mode, run.responsible, run.finished_at) for key, run in told.runs.items()]
    markers = [(key, one.kind, one.at) for key, one in told.markers]
    current = json.loads(thread)
    current["run"].pop("last_handover", None), current["run"].pop("stretches", None)
    return sessions, lines, runs, markers, current


def upkeep(it: World) -> None:
    it.work("upkeep")


def test_words_go_and_what_happened_stays(it: World) -> None:
    two_sessions(it)
    before = shape(it)
    it.advance(9 * DAY_S)
    upkeep(it)
    assert "pearlmark" in "".join(it.everything().values()), "forgotten too early"
    it.advance(2 * DAY_S)
    upkeep(it)
    told = "".join(it.everything().values())
    for word in ("pearlmark", "topazmark", "quartzmark", "agatemark", "onyxmark"):
        assert word not in told, word
    assert "rubymark" in told
    assert shape(it) == before
    upkeep(it)  # there is nothing left to do
    assert not it.bench.works["upkeep"].due(10)


def test_something_late_is_folded_in_without_its_words(lite: World) -> None:
    it = lite
    two_sessions(it)
    bodies = [json.loads(row.body) for row in it.bodies() if row.channel == CHANNEL]
    it.advance(11 * DAY_S)
    upkeep(it)
    before = shape(it)
    asked = len(it.agent.turns)
    # A part of the first session, of which nobody had told us: all is folded again.
    body = next(one for one in bodies if one["topic"] == "conversation.admin.closed")
    part = body["data"]["item"]["conversation_parts"]["conversation_parts"][0]
    part |= {"id": "99", "part_type": "assignment", "created_at": part["created_at"] - 1}
    part["assigned_to"] = {"type": "admin", "id": str(AOIFE)}  # who has it already
    part["body"] = "<p>berylmark</p>"
    assert it.deliver(json.dumps(body | {"id": "notif_late"}).encode()).status_code == 200
    it.settle()
    upkeep(it)
    told = "".join(it.everything().values())
    assert "berylmark" not in told
    assert "pearlmark" not in told
    after = shape(it)
    assert [row.id for row in after[0]] == [row.id for row in before[0]]
    assert [row.status for row in after[0]] == [row.status for row in before[0]]
    assert after[2] == before[2], "the sessions' cuts, modes or ends have changed"
    assert len(it.agent.turns) == asked
    with it.parts.database.read() as db:
        assert db.scalar(select(Message.redacted).where(Message.external_id == "99")) is True


def test_bodies_of_deliveries_go_by_themselves(lite: World) -> None:
    it = lite
    two_sessions(it)
    it.advance(21 * DAY_S)
    upkeep(it)
    gone = [row for row in it.bodies() if row.forgotten_at is not None]
    assert {
        row.received_at < it.clock.now().timestamp() * 1e6 - 40 * DAY_S * 1e6 for row in gone
    } == {True}
    assert all(row.body == b"" for row in gone)
    left = [row for row in it.bodies() if row.forgotten_at is None]
    assert left, "what came twenty days later is there"
    refused = it.replay(gone[0].id)
    assert refused.status_code == 409


def test_by_default_nothing_is_forgotten(
    migrated_sqlite_url: str, valkey_url: str, tmp_path: Path
) -> None:
    with world(migrated_sqlite_url, valkey_url, tmp_path) as it:
        two_sessions(it)
        before = it.everything()["messages"]
        it.advance(4000 * DAY_S)
        assert not [key for key in it.bench.works["upkeep"].due(10) if ":" in key]
        assert it.everything()["messages"] == before
