"""A backfill: what of a channel's past it brings, and that nothing follows from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.clock import to_micros
from gateway.events import DeadlinePassed
from gateway.reading.backfills import find_backfill
from gateway.reconciling import backfills
from gateway.reconciling.passes import MIN_AGE_S
from gateway.store.models import (
    Backfill, ChatSession, Contact, Installation, JournalRow, Offer, PastConversation, Staff,
)
from tests.healing.city import reconcile
from tests.healing.truth import differences
from tests.rig import AOIFE, BOT, CHANNEL, MAREK, TEAM, Rig

DAY_S = 86_400.0
LONG_AGO_S = 300 * DAY_S


@pytest.fixture
def it(make_rig_on_both: Callable[..., Rig]) -> Rig:
    return make_rig_on_both(api_version="2.16", agent_rules={"idle_timeout_s": 3600})


@pytest.fixture
def small(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig(api_version="2.16")


def backfill(it: Rig, **times: int) -> dict[str, Any]:
    """Begin one and work until it is over; returns what it came to."""
    id = begin(it, **times)
    work(it, id)
    return seen(it, id)


def begin(it: Rig, **times: int) -> str:
    now = to_micros(it.clock.now())
    return it.parts.database.write(lambda db: backfills.begin(db, CHANNEL, now=now, **times))


def work(it: Rig, id: str, steps: int = 100_000) -> None:
    """Do what is due of it, at most so many steps."""
    sync = it.bench.works["sync"]
    while steps and seen(it, id)["ended_at"] is None:
        keys = [key for key in sync.due(50) if key.startswith(id)]
        for key in keys[:steps]:
            sync.do(key)
        steps -= min(len(keys), steps)
        if not keys:
            it.advance(1)


def seen(it: Rig, id: str) -> dict[str, Any]:
    with it.parts.database.read() as db:
        return dict(find_backfill(db, id))


def old(it: Rig, number: int = 1) -> str:
    """A conversation of long ago that nobody has told the gateway of; the AI would answer it."""
    cid = str(it.world.customer_starts(f"Old words {number}.", name="Cleo").conversation.id)
    it.world.assign(cid, BOT, by=AOIFE)
    it.standin.notifier.take()
    return cid


def told(it: Rig) -> list[str]:
    with it.parts.database.read() as db:
        return list(db.scalars(select(JournalRow.kind).order_by(JournalRow.id)))


def test_a_whole_past(it: Rig) -> None:
    for number in range(4):
        cid = old(it, number)
        it.world.admin_replies(cid, AOIFE, "Let me see.")
        it.world.customer_replies(cid, "Thanks.")
    it.world.admin_notes(cid, MAREK, "A good customer.")
    it.world.close(cid, AOIFE, text="Bye.")
    it.world.customer_replies(cid, "And now?")
    it.standin.notifier.take()
    it.advance(200)
    done = backfill(it)
    assert differences(it) == []
    assert [one.status for one in it.sessions(cid)] == ["finished", "active"]
    assert {name: done[name] for name in ("expected", "found", "known", "read", "messages")} == {
        "expected": 4, "found": 4, "known": 0, "read": 4, "messages": 15,
    }  # fmt: skip
    with it.parts.database.read() as db:
        assert db.scalar(select(func.count()).select_from(Contact)) == done["people"] == 4
        assert db.scalar(select(func.count()).select_from(Staff)) >= done["staff"] > 0
        assert db.scalars(select(Installation.external_id)).all() == [it.standin.app_id]
        assert db.scalar(select(func.count()).select_from(PastConversation)) == 0
    again = backfill(it)
    assert (again["known"], again["found"], again["read"]) == (4, 0, 0)
    assert differences(it) == []


def test_nothing_follows_from_it(it: Rig) -> None:
    """Open, unanswered, the AI's or the people's: the past asks for nothing."""
    for_the_ai, for_people = old(it, 1), old(it, 2)
    it.world.assign(for_people, f"team:{TEAM}", by=AOIFE)
    held = old(it, 3)
    it.world.assign(held, AOIFE, by=AOIFE)
    it.standin.notifier.take()
    it.advance(200)
    backfill(it)
    it.advance(10 * DAY_S)
    it.work()
    for kind in ("deadlines", "upkeep", "waiting", "events"):
        it.work(kind)
    assert [it.session(one).mode for one in (for_the_ai, for_people, held)] == [
        "ai", "human", "human",
    ]  # fmt: skip
    assert (it.turns(), it.pushes(), told(it)) == ([], [], [])
    assert [one.status for one in it.sessions()] == ["active"] * 3
    assert {one.wait_step for one in it.sessions()} == {None}
    with it.parts.database.read() as db:
        assert db.scalars(select(Offer.id)).all() == []


def test_its_next_word_is_answered(it: Rig) -> None:
    cid = old(it)
    it.advance(LONG_AGO_S)
    backfill(it)
    it.world.customer_replies(cid, "Still there?")
    it.settle()
    assert it.texts(cid) == ["customer: Old words 1.", "customer: Still there?",
                             "ai: AI: Still there?"]  # fmt: skip
    assert len(it.turns()) == 1
    assert told(it).count("message.created") == 2
