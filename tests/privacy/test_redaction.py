"""Words that were taken back in Intercom are gone wherever they were, and stay gone."""

import json
from typing import Any

from sqlalchemy import select, update

from gateway.events import Answer
from gateway.store.models import Conversation, InboxDelivery, Message
from tests.privacy.world import World
from tests.rig import AOIFE, BOT


def told(it: World) -> str:
    return "\n".join(it.everything().values())


def part_with(it: World, words: str) -> str:
    parts = it.world.conversation(it.conversation).parts
    return str(next(part.id for part in parts if words in (part.body or "")))


def talk(it: World) -> None:
    """Carol gives a number away; the AI, a person from our pages and one in Intercom repeat it."""
    started = it.world.customer_starts("hello", name="Carol")
    it.conversation = started.conversation.id
    it.settle()
    it.advance(5)
    it.world.customer_replies(it.conversation, "my card is 4111-pearl")
    it.agent.next.append(Answer(messages=["thank you for 4111-topaz"]))
    it.settle()
    it.advance(5)
    session = it.session(it.conversation).id
    it.ok("POST", f"/sessions/{session}/handover", it.admin)
    it.ok("POST", f"/sessions/{session}/accept", it.operator)
    it.ok("POST", f"/sessions/{session}/messages", it.operator, text="is it 4111-onyx")
    it.ok("POST", f"/sessions/{session}/notes", it.operator, text="she wrote 4111-garnet")
    it.settle()
    it.advance(5)


def clean(it: World) -> None:
    """Let the worker clean what was delivered before."""
    it.settle()
    it.work("upkeep")


def test_it_goes_everywhere(it: World) -> None:
    talk(it)
    old = [bytes(row.body) for row in it.bodies()]
    for words in ("4111-pearl", "4111-topaz", "4111-onyx", "4111-garnet"):
        assert words in told(it)
        it.world.redact(it.conversation, part_with(it, words))
    clean(it)
    assert "4111" not in told(it)
    # What else was delivered is still there, and can be read.
    kept = [json.loads(row.body) for row in it.bodies()]
    assert all(one["topic"] for one in kept)
    assert "hello" in told(it)
    # Late, once more, and read: it does not come back.
    for number, body in enumerate(old):
        answer = it.deliver(json.dumps(json.loads(body) | {"id": f"notif_b{number}"}).encode())
        assert answer.status_code == 200
    it.parts.database.write(lambda db: db.execute(update(Conversation).values(read_due=1)))
    clean(it)
    assert "4111" not in told(it)
    # And the AI is not told of it when it is in charge again.
    session = it.session(it.conversation).id
    it.ok("POST", f"/sessions/{session}/hand_back", it.operator)
    it.advance(5)
    it.settle()
    it.world.customer_replies(it.conversation, "are you there?")
    it.settle()
    question = it.agent.turns[-1]
    assert "are you there?" in [message.text for message in question.messages]
    assert "4111" not in repr(question)
    with it.parts.database.read() as db:
        redacted = select(Message.kind, Message.redacted).where(Message.redacted.is_(True))
        assert sorted(row.kind for row in db.execute(redacted)) == [
            "message", "message", "message", "note",
        ]  # fmt: skip


def test_taken_back_before_it_was_heard_of(lite: World) -> None:
    it = lite
    started = it.world.customer_starts("hello", name="Carol")
    it.conversation = started.conversation.id
    it.settle()
    it.advance(5)
    it.world.customer_replies(it.conversation, "my card is 4111-pearl")
    (late,) = it.standin.notifier.pending
    it.standin.notifier.pending.clear()
    it.world.redact(it.conversation, part_with(it, "4111-pearl"))
    clean(it)
    it.standin.notifier.pending.append(late)
    clean(it)
    assert "4111" not in told(it)


def test_words_that_wait_to_be_sent_are_not_sent(lite: World) -> None:
    """A message of ours is redacted after it was sent; one that still waits has no part yet."""
    it = lite
    talk(it)
    part = part_with(it, "4111-onyx")
    it.world.redact(it.conversation, part)
    clean(it)
    commands = [push.command for push in it.pushes()]
    assert not any("4111-onyx" in command for command in commands)
    assert any("4111-garnet" in command for command in commands)


def test_the_opening_words_go_from_every_delivery(lite: World) -> None:
    it = lite
    started = it.world.customer_starts("my card is 4111-pearl", name="Carol")
    it.conversation = started.conversation.id
    it.agent.next.append(Answer(messages=["I see"]))
    it.settle()
    it.world.admin_replies(it.conversation, AOIFE, "one moment")
    it.settle()
    assert sum(b"4111-pearl" in row.body for row in it.bodies()) > 2
    bodies = [json.loads(row.body) for row in it.bodies()]
    source: dict[str, Any] = bodies[-1]["data"]["item"]["source"]
    source |= {"redacted": True, "body": "<p><i>This message was deleted</i></p>"}
    answer = it.deliver(json.dumps(bodies[-1] | {"id": "notif_source"}).encode())
    assert answer.status_code == 200
    clean(it)
    assert [table for table, rows in it.everything().items() if "4111" in rows] == []
    assert {row.forgotten_at for row in it.bodies()} == {None}
    assert BOT in told(it)
    with it.parts.database.read() as db:
        assert db.scalars(select(InboxDelivery.state).distinct()).all() == ["applied"]
