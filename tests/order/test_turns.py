"""What a late arrival does to the AI: a takeover stops it, a harmless fact leaves it alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.events import Turn
from intercom_standin.records import Notification
from tests.rig import AOIFE, BOT, MAREK, Rig, rig


@pytest.fixture
def it(migrated_url: str, tmp_path: Path) -> Iterator[Rig]:
    with rig(migrated_url, tmp_path) as made:
        yield made


def held_back(it: Rig) -> list[Notification]:
    """Take away what would be delivered now."""
    return list(it.standin.notifier.take())


def deliver(it: Rig, late: list[Notification]) -> None:
    for notification in late:
        assert it.standin.notifier.deliver(notification).status == 200


def start(it: Rig) -> str:
    cid = str(it.world.customer_starts("Where is my order?", name="Cleo").conversation.id)
    it.settle()
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    it.advance(5)
    return cid


def test_a_late_takeover_discards_the_turn_that_is_due(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, AOIFE, by=MAREK)
    late = held_back(it)
    it.advance(5)
    it.world.admin_notes(cid, AOIFE, "Looking into it")
    it.world.customer_replies(cid, "Hello?")
    said = held_back(it)
    for notification in said:
        notification.item["admin_assignee_id"] = int(BOT)  # as stale as can be (FACTS 1.5)
    deliver(it, said)
    epoch = it.session(cid).epoch
    assert it.turns()[-1].state == "due"
    deliver(it, late)
    session = it.session(cid)
    assert (session.mode, session.responsible_id) == ("human", str(AOIFE))
    assert session.epoch == epoch + 1
    assert it.turns()[-1].state == "discarded"
    it.work()
    assert len(it.said_by_bot(cid)) == 1


def test_a_late_takeover_discards_the_answer_being_thought_out(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, AOIFE, by=MAREK)
    late = held_back(it)
    it.advance(5)
    it.world.customer_replies(cid, "Hello?")
    said = held_back(it)
    said[0].item["admin_assignee_id"] = int(BOT)
    deliver(it, said)

    def takeover(_turn: Turn) -> None:
        deliver(it, late)

    it.agent.before.append(takeover)
    it.work("turns")
    assert it.turns()[-1].state == "discarded"
    assert [m.state for m in it.history(cid, "message") if m.author_kind == "ai"] == [
        "sent",
        "discarded",
    ]
    it.work()
    assert len(it.said_by_bot(cid)) == 1


def test_a_late_takeover_cancels_what_the_ai_is_owed_to_say(it: Rig) -> None:
    cid = start(it)
    it.world.assign(cid, AOIFE, by=MAREK)
    late = held_back(it)
    it.advance(5)
    it.world.customer_replies(cid, "Hello?")
    said = held_back(it)
    said[0].item["admin_assignee_id"] = int(BOT)
    deliver(it, said)
    it.work("turns")
    assert [(p.role, p.state) for p in it.pushes()][-1] == ("answer", "owed")
    deliver(it, late)
    assert [(p.role, p.state) for p in it.pushes()][-1] == ("answer", "cancelled")
    it.work()
    assert len(it.said_by_bot(cid)) == 1


@pytest.mark.parametrize("what", ["echo", "note", "own note", "snooze", "customer's earlier words"])
def test_a_late_harmless_fact_leaves_turn_and_push_alone(it: Rig, what: str) -> None:
    cid = start(it)
    match what:
        case "echo":
            it.world.admin_replies(cid, BOT, "Said elsewhere", via_api=True)
        case "note":
            it.world.admin_notes(cid, MAREK, "NB")
        case "own note":
            it.world.admin_notes(cid, BOT, "NB", via_api=True)
        case "snooze":
            it.world.snooze(cid, by=AOIFE)
        case _:
            it.world.customer_replies(cid, "By the way,")
    late = held_back(it)
    it.advance(5)
    it.world.customer_replies(cid, "Hello?")
    it.hear()
    it.work("turns")
    it.advance(1)
    it.world.customer_replies(cid, "Are you there?")
    it.hear()
    before = it.session(cid)
    owed = [(t.id, t.state) for t in it.turns()]
    pushed = [(p.id, p.state) for p in it.pushes()]
    assert (owed[-1][1], pushed[-1][1]) == ("due", "owed")
    deliver(it, late + late)
    after = it.session(cid)
    assert (after.epoch, after.mode, after.id) == (before.epoch, "ai", before.id)
    assert [(t.id, t.state) for t in it.turns()] == owed
    assert [(p.id, p.state) for p in it.pushes()] == pushed
    it.settle()
    assert "AI: Are you there?" in it.said_by_bot(cid)[-1]
    assert it.session(cid).mode == "ai"


def test_a_late_echo_after_its_receipt_changes_nothing(it: Rig) -> None:
    cid = start(it)
    it.world.customer_replies(cid, "Hello?")
    it.hear()
    it.work()
    late = held_back(it)  # the echo of the answer, which the call's return has settled
    assert late
    it.advance(5)
    it.world.customer_replies(cid, "Thanks")
    it.hear()
    before = (it.session(cid), it.history(cid), it.pushes(), it.turns())
    deliver(it, late)
    after = (it.session(cid), it.history(cid), it.pushes(), it.turns())
    assert after == before
