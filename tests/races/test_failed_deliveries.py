"""Authentic and untranslatable: kept, answered 200, and the AI waits until a read has told all."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from gateway.store.models import Conversation, InboxDelivery
from tests.races.moves import ask, by_door, last, once, pushed, said, start
from tests.rig import AOIFE, Rig


def break_all(it: Rig) -> list[Any]:
    """Deliver what waits, authentic and with something in it that nobody can read."""
    notifier = it.standin.notifier
    answers = []
    envelope = notifier.envelope
    for notification in notifier.take():

        def broken(one: Any) -> Any:
            told = json.loads(json.dumps(envelope(one)))
            for part in told["data"]["item"]["conversation_parts"]["conversation_parts"]:
                part["created_at"] = "yesterday"
            return told

        notifier.envelope = broken  # type: ignore[method-assign]
        try:
            answers.append(notifier.deliver(notification))
        finally:
            notifier.envelope = envelope  # type: ignore[method-assign]
    return answers


def held(it: Rig, cid: str) -> bool:
    with it.parts.database.read() as db:
        query = select(Conversation.held_since).where(Conversation.external_id == cid)
        return db.scalar(query) is not None


def failed(it: Rig) -> list[Any]:
    with it.parts.database.read() as db:
        query = select(InboxDelivery.topic, InboxDelivery.error)
        return list(db.execute(query.where(InboxDelivery.state == "failed")).all())


def broken_takeover(it: Rig, cid: str) -> None:
    it.advance(1)
    it.world.assign(cid, AOIFE, by=AOIFE)
    answers = break_all(it)
    assert {answer.status for answer in answers} == {200}


def test_the_ai_waits_until_the_conversation_has_been_read(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    broken_takeover(it, cid)
    assert held(it, cid)
    assert failed(it)[0].topic == "conversation.admin.assigned"
    assert failed(it)[0].error
    assert it.session(cid).mode == "ai"  # nobody could know
    it.standin.requests.clear()
    it.work("deliver")
    assert [call.kind for call in it.standin.requests] == []
    it.work()
    assert not held(it, cid)
    assert it.session(cid).mode == "human"
    assert it.session(cid).responsible_id == str(AOIFE)
    assert last(it).state == "cancelled"
    assert len(said(it, cid)) == 1


def test_a_harmless_one_holds_no_longer_than_the_read(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.advance(1)
    it.world.admin_notes(cid, AOIFE, "By the way")
    break_all(it)
    assert held(it, cid)
    it.settle()
    assert not held(it, cid)
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert ("note", "By the way") in [(m.kind, m.text) for m in it.history(cid)]


def test_while_the_channel_cannot_be_read_the_ai_waits(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    broken_takeover(it, cid)
    it.standin.faults.add("server_error", where="get", count=None)
    for _ in range(6):
        it.work()
        it.advance(5)
    assert held(it, cid)
    assert len(said(it, cid)) == 1
    assert last(it).state == "owed"
    it.standin.faults.clear()
    it.advance(300)
    it.settle()
    assert it.session(cid).mode == "human"
    assert len(said(it, cid)) == 1


def test_it_comes_during_the_look(on_both: Rig) -> None:
    """The look read the conversation before it: that read does not end the hold."""
    it = on_both
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    struck = once(it, "after_read", "get", lambda: broken_takeover(it, cid))
    it.work("deliver")
    assert struck
    assert len(said(it, cid)) == 1
    it.settle()
    assert it.session(cid).mode == "human"
    assert len(said(it, cid)) == 1
    assert last(it).state == "cancelled"


def test_it_comes_during_the_read_that_an_earlier_one_asked_for(it: Rig) -> None:
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.advance(1)
    it.world.admin_notes(cid, AOIFE, "By the way")
    break_all(it)
    struck = once(it, "after_read", "get", lambda: broken_takeover(it, cid))
    it.work("sync")
    assert struck
    it.settle()
    assert it.session(cid).mode == "human"
    assert len(said(it, cid)) == 1


def test_notes_are_not_held_and_a_look_is_a_read(it: Rig) -> None:
    cid = start(it)
    by_door(it, cid)
    it.advance(1)
    it.world.admin_notes(cid, AOIFE, "By the way")
    break_all(it)
    it.standin.requests.clear()
    it.work("deliver")
    assert [call.kind for call in it.standin.requests] == ["note", "get", "assign"]
    assert pushed(it)[-2:] == [("note", "sent"), ("assignment", "sent")]
    assert not held(it, cid)
