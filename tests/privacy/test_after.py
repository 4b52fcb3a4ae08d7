"""After an erasure: what comes late makes nobody known again, and whoever writes anew is new."""

import json

import pytest
from sqlalchemy import func, select, update

from gateway.events import Answer
from gateway.store.models import ChatSession, Contact, Conversation, InboxDelivery, Message, TurnRow
from tests.privacy.test_person import left, lived
from tests.privacy.world import MARKS, World
from tests.rig import AOIFE, CHANNEL


def again(it: World, bodies: list[bytes]) -> None:
    """Deliver old notifications once more, as others than they were."""
    for number, body in enumerate(bodies):
        told = json.loads(body) | {"id": f"notif_again_{number}"}
        answer = it.deliver(json.dumps(told).encode())
        assert answer.status_code == 200, answer.text


def from_intercom(it: World) -> list[bytes]:
    return [bytes(row.body) for row in it.bodies() if row.channel == CHANNEL and row.body]


def nothing_of_her(it: World) -> None:
    for table, kept in it.everything().items():
        assert left(kept) == [], f"{table} holds something of her again"
        assert it.contact_there not in kept, f"{table} holds her id in Intercom again"


def test_nothing_late_makes_her_known_again(it: World) -> None:
    contact = lived(it)
    bodies = from_intercom(it)
    it.erase(contact)
    it.settle()
    asked = len(it.agent.turns)
    with it.parts.database.read() as db:
        contacts = db.scalar(select(func.count()).select_from(Contact))
        failed = db.scalars(select(InboxDelivery.id).where(InboxDelivery.state == "failed")).all()
    again(it, bodies)
    it.world.update_contact(it.contact_there, phone="+353 1 999 0000")
    it.world.close(it.conversation, AOIFE)
    it.settle()
    # Reading the conversation tells all of it once more; so does reconciling.
    it.parts.database.write(lambda db: db.execute(update(Conversation).values(read_due=1)))
    it.settle()
    nothing_of_her(it)
    assert "999 0000" not in "".join(it.everything().values())
    with it.parts.database.read() as db:
        assert db.scalar(select(func.count()).select_from(Contact)) == contacts
        assert len(it.agent.turns) == asked
        assert set(db.scalars(select(ChatSession.status))) == {"finished"}
    for delivery in failed:
        refused = it.replay(delivery)
        assert refused.status_code == 409
        assert "has been forgotten" in refused.json()["error"]["message"]


@pytest.mark.parametrize("how", ["told of", "imported"])
def test_an_old_conversation_that_was_never_heard_of_has_no_words(lite: World, how: str) -> None:
    it = lite
    contact = lived(it)
    old = it.world.customer_starts("long ago rubymark", contact_id=it.contact_there)
    it.advance(3600)
    it.standin.notifier.pending.clear()  # nobody told us of it
    it.erase(contact)
    it.settle()
    if how == "told of":
        it.world.close(old.conversation.id, AOIFE)
    else:
        it.advance(3600)
        it.ok("POST", f"/channels/{CHANNEL}/backfills", it.admin)
    for _ in range(5):
        it.settle()
        it.advance(60)
    with it.parts.database.read() as db:
        found = select(Conversation.id).where(Conversation.external_id == old.conversation.id)
        lines = db.scalars(
            select(Message.text).where(
                Message.conversation_id == db.scalar(found), Message.kind == "message"
            )
        ).all()
    assert lines == [""]
    nothing_of_her(it)


def test_who_writes_anew_is_new(lite: World) -> None:
    it = lite
    contact = lived(it)
    it.erase(contact)
    it.settle()
    it.advance(60)
    it.world.customer_replies(it.conversation, "hello, me again: peridotmark")
    it.settle()
    with it.parts.database.read() as db:
        conversation = db.execute(
            select(Conversation.id, Conversation.contact_id).where(
                Conversation.external_id == it.conversation
            )
        ).one()
        fresh = db.execute(
            select(Contact.name, Contact.email, Contact.erased_at).where(
                Contact.id == conversation.contact_id
            )
        ).one()
    assert conversation.contact_id != contact
    assert tuple(fresh) == (MARKS["name"], MARKS["email"], None)
    session = it.session(it.conversation)
    assert (session.status, session.forgotten_at) == ("active", None)
    assert "hello, me again: peridotmark" in "".join(it.texts(it.conversation))
    told = "".join(it.everything().values())
    assert "pearlmark" not in told, "the first words came back with the new ones"
    assert "peridotmark" in told
    # And she may be erased once more, the new words with her.
    it.erase(conversation.contact_id)
    it.settle()
    nothing_of_her(it)
    assert "peridotmark" not in "".join(it.everything().values())


def test_her_old_browser_is_nobody_s(lite: World) -> None:
    it = lite
    it.in_intercom()
    it.on_the_page()
    contact = it.contact_of("acme-web")
    it.erase(contact)
    refused = it.api("GET", "/sessions", "nobody")
    assert refused.status_code == 401
    answer = it.browser_asks("GET", "/messages")
    assert answer.status_code == 401, answer.text
    opened = it.browser_asks(
        "POST", "/sessions", json={"key": "web-key", "visitor_token": it.visitor_token}
    )
    assert opened.status_code == 200
    assert opened.json()["visitor"]["id"] != it.visitor


def test_erased_while_the_ai_thinks(lite: World) -> None:
    it = lite
    conversation = it.world.customer_starts("where is it pearlmark", name=MARKS["name"])
    it.conversation, it.contact_there = conversation.conversation.id, conversation.contact.id
    it.agent.before.append(lambda _: it.erase(it.contact_of(CHANNEL)))
    it.agent.next.append(Answer(messages=[MARKS["AI's words"]], results={"r": MARKS["result"]}))
    it.settle()
    assert it.said_by_bot(it.conversation) == []
    nothing_of_her(it)
    with it.parts.database.read() as db:
        assert db.scalars(select(TurnRow.state)).all() == ["discarded"]


@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before"])
def test_erased_while_words_are_on_the_wire(lite: World, fault: str) -> None:
    it = lite
    conversation = it.world.customer_starts("where is it pearlmark", name=MARKS["name"])
    it.conversation, it.contact_there = conversation.conversation.id, conversation.contact.id
    it.hear()
    it.agent.next.append(Answer(messages=[MARKS["AI's words"]]))
    it.work("turns")
    it.standin.faults.add(fault, where="reply")
    it.work("deliver")
    assert [push.state for push in it.pushes()] == ["unknown"]
    it.erase(it.contact_of(CHANNEL))
    for _ in range(3):
        it.advance(30)
        it.settle()
    landed = 1 if fault == "timeout_after" else 0
    assert len(it.said_by_bot(it.conversation)) == landed
    states = [push.state for push in it.pushes() if push.role == "answer"]
    assert states == ["sent"]
    messages = [line for line in it.history(it.conversation, "message") if line.author_kind == "ai"]
    assert [line.text for line in messages] == [""]
    nothing_of_her(it)
