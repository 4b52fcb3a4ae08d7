"""A pass over what changed: what it finds, repairs and leaves alone, and how it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.clock import to_micros
from gateway.conversations.thread import Named
from gateway.reading.passes import find_passes, find_repairs
from gateway.reconciling import doubts, passes
from gateway.reconciling.passes import MIN_AGE_S
from gateway.store import new_id
from gateway.store.models import ChatSession, Contact, Doubt, Installation
from gateway.store.sql import insert_into
from gateway.sync.jobs import Bench
from gateway.sync.upkeep import Upkeep
from tests.healing.city import reconcile
from tests.rig import AOIFE, BOT, CHANNEL, Rig


@pytest.fixture
def it(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig(api_version="2.16")


def begun(it: Rig, **more: Any) -> str:
    """A conversation that the AI answers."""
    cid = str(it.world.customer_starts("Hello", **{"name": "Cleo", **more}).conversation.id)
    it.settle()
    it.world.assign(cid, "bot", by=AOIFE)
    it.settle()
    it.advance(5)
    return cid


def lost(it: Rig, operation: str, *args: Any, **more: Any) -> Any:
    """Something happens, and its notifications are lost."""
    outcome = getattr(it.world, operation)(*args, **more)
    it.standin.notifier.take()
    return outcome


def kinds(it: Rig, since: int) -> list[str]:
    return [call.kind for call in it.standin.requests[since:]]


def repairs(it: Rig) -> list[dict[str, Any]]:
    with it.parts.database.read() as db:
        newest = find_passes(db, CHANNEL).items[0]
        return list(find_repairs(db, newest["id"]).items)


def test_a_takeover_that_was_lost(it: Rig) -> None:
    cid = begun(it)
    lost(it, "assign", cid, AOIFE, by=AOIFE)
    done = reconcile(it)
    assert it.session(cid).mode == "human"
    assert (done["repaired"], done["drift"]) == (1, {"assigned": 1})
    (repair,) = repairs(it)
    assert repair["conversation"] == cid
    assert repair["session_id"] == it.session(cid).id
    assert (repair["learned"], repair["effect"]) == ({"assigned": 1}, "ai → human")


@pytest.mark.parametrize(
    ("age_s", "mode", "effect"),
    [
        (120, "ai", "the AI was asked for an answer"),
        (3600, "human", "ai → human; handed over (found late)"),
        (2 * 86_400, "ai", None),
    ],
)
def test_a_word_that_was_lost(it: Rig, age_s: int, mode: str, effect: str | None) -> None:
    cid = begun(it)
    lost(it, "customer_replies", cid, "Anybody?")
    it.advance(age_s)
    reconcile(it)
    it.settle()
    assert it.session(cid).mode == mode
    assert ("ai: AI: Anybody?" in it.texts(cid)) is (age_s == 120)
    (repair,) = repairs(it)
    assert (repair["learned"], repair["effect"]) == ({"message": 1}, effect)


@pytest.mark.parametrize(
    ("age_s", "mode", "answered"),
    [(120, "ai", True), (3600, "human", False), (2 * 86_400, "ai", False)],
)
def test_a_return_that_was_lost(it: Rig, age_s: int, mode: str, answered: bool) -> None:
    """Found years later it may not make the AI speak, even if nobody has answered since."""
    cid = begun(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.world.customer_replies(cid, "And now?")
    it.settle()
    it.advance(3 * 86_400)
    lost(it, "assign", cid, BOT, by=AOIFE)
    it.advance(age_s)
    reconcile(it)
    it.settle()
    assert it.session(cid).mode == mode
    assert ("ai: AI: And now?" in it.texts(cid)) is answered


def test_a_word_just_before_one_of_the_ais_is_still_owed_an_answer(it: Rig) -> None:
    cid = begun(it)
    it.world.customer_replies(cid, "First")
    it.hear()

    def meanwhile(call: Any) -> None:
        if call.kind == "reply":
            it.standin.faults.hooks.before_effect = None
            lost(it, "customer_replies", cid, "Second")

    it.standin.faults.hooks.before_effect = meanwhile
    it.settle()
    assert it.texts(cid)[-1] == "ai: AI: First"
    reconcile(it)
    it.settle()
    assert it.texts(cid)[-3:] == ["customer: Second", "ai: AI: First", "ai: AI: Second"]


def test_a_word_that_a_later_answer_has_overtaken_is_history(it: Rig) -> None:
    cid = begun(it)
    lost(it, "customer_replies", cid, "Lost")
    it.advance(1)
    it.world.customer_replies(cid, "Heard")
    it.hear()
    it.standin.faults.add("stale_assignee", where="none")
    it.work("turns")
    with it.parts.database.read() as db:
        asked = db.scalar(select(func.count()).where(ChatSession.mode == "ai"))
    assert asked == 1
    it.settle()  # the look before the send finds it, and the AI is told of it then
    answers = [text for text in it.texts(cid) if text.startswith("ai: ")]
    reconcile(it)
    it.settle()
    assert [text for text in it.texts(cid) if text.startswith("ai: ")] == answers


def test_what_was_read_is_not_read_again(it: Rig) -> None:
    begun(it)
    it.advance(MIN_AGE_S)
    first = reconcile(it)
    assert first["read"] == first["doubted"]
    before = len(it.standin.requests)
    second = reconcile(it)
    assert (second["found"], second["doubted"]) == (1, 0)
    assert set(kinds(it, before)) == {"search", "deleted", "contact_search"}


def test_what_is_too_young_waits(it: Rig) -> None:
    cid = begun(it)
    lost(it, "assign", cid, AOIFE, by=AOIFE)
    it.advance(MIN_AGE_S - 10)
    before = len(it.standin.requests)
    with it.parts.database.read() as db:
        home = db.scalars(select(Installation.id)).one()
    it.parts.database.write(
        lambda db: passes.begin(db, home, asked_by="clock", now=to_micros(it.clock.now()))
    )
    it.work("sync")
    assert "get" not in kinds(it, before)
    it.advance(10)
    it.work("sync")
    assert kinds(it, before).count("get") == 1


@pytest.mark.parametrize(("version", "finished"), [("2.16", True), ("2.14", False)])
def test_deletions_where_the_api_lists_them(
    make_rig: Callable[..., Rig], version: str, finished: bool
) -> None:
    it = make_rig(api_version=version)
    cid = begun(it)
    lost(it, "delete_conversation", cid)
    done = reconcile(it)
    assert (it.session(cid).status == "finished") is finished
    assert done["gone"] == int(finished)
    assert done["drift"] == ({"deleted": 1} if finished else {})
    assert reconcile(it)["gone"] == 0


def test_a_conversation_that_was_closed_without_a_part(it: Rig) -> None:
    """As one that was merged into another: linked, closed, and no part of it says so."""
    cid = begun(it)
    with it.world.lock:
        merged = it.world.conversation(cid)
        merged.state, merged.updated_at = "closed", it.world.now()
    reconcile(it)
    assert it.session(cid).status == "finished"
    it.world.customer_replies(cid, "One more thing")
    it.settle()
    assert it.session(cid).status == "active"
    reconcile(it)
    assert it.session(cid).status == "active"


def test_more_parts_than_the_channel_tells(it: Rig) -> None:
    cid = begun(it)
    for number in range(520):
        lost(it, "admin_notes", cid, AOIFE, f"Note {number}")
    lost(it, "assign", cid, AOIFE, by=AOIFE)
    done = reconcile(it)
    assert done["lost"] == len(it.world.conversation(cid).parts) - 500
    assert it.session(cid).mode == "human"
    assert len(it.history(cid, "note")) == 499


def test_customers_details_that_were_lost(it: Rig) -> None:
    cid = begun(it)
    contact = it.world.conversation(cid).contact
    lost(it, "update_contact", contact.id, email="cleo@customer.example")
    it.advance(MIN_AGE_S + 1)
    done = reconcile(it)
    assert (done["people"], done["drift"]) == (1, {"contact": 1})
    token = it.token()
    session = it.api("GET", f"/sessions/{it.session(cid).id}", token).json()
    assert session["contact"]["email"] == "cleo@customer.example"
    assert reconcile(it)["people"] == 0


def test_a_customer_whose_notification_may_be_on_its_way_is_no_drift(it: Rig) -> None:
    begun(it)
    it.settle()
    it.world.customer_starts("Hello", name="Nia", email="nia@customer.example")
    done = reconcile(it)
    assert done["people"] == 0
    assert "contact" not in done["drift"]
    with it.parts.database.read() as db:
        assert "Nia" in db.scalars(select(Contact.name)).all()


def test_an_anonymous_customer_who_leaves_an_address(it: Rig) -> None:
    cid = begun(it, name=None)
    token = it.token()
    session = f"/sessions/{it.session(cid).id}"
    assert it.api("GET", session, token).json()["contact"] is None
    it.world.update_contact(it.world.conversation(cid).contact.id, email="dara@customer.example")
    it.hear()
    assert it.api("GET", session, token).json()["contact"]["email"] == "dara@customer.example"


def test_a_list_of_many_pages_in_the_same_second(make_rig_on_both: Callable[..., Rig]) -> None:
    it = make_rig_on_both(api_version="2.16")
    it.world.customer_starts("Hello", name="Cleo")
    it.hear()
    for number in range(330):  # more than two pages of one second
        it.world.customer_starts(f"Words {number}", name="Dara")
    it.advance(1)
    for number in range(10):
        it.world.customer_starts(f"Late words {number}", name="Eve")
    it.standin.notifier.take()
    it.advance(MIN_AGE_S)
    done = reconcile(it)
    assert (done["found"], done["doubted"], done["read"]) == (341, 341, 341)
    assert done["repaired"] == 340
    assert len(it.sessions()) == 341


def test_a_pass_goes_on_where_another_worker_was_killed(it: Rig) -> None:
    it.world.customer_starts("Hello", name="Cleo")
    it.hear()
    for number in range(200):
        it.world.customer_starts(f"Words {number}", name="Dara")
    it.standin.notifier.take()
    it.advance(MIN_AGE_S)
    with it.parts.database.read() as db:
        home = db.scalars(select(Installation.id)).one()
    it.parts.database.write(
        lambda db: passes.begin(db, home, asked_by="clock", now=to_micros(it.clock.now()))
    )
    for _ in range(4):
        # Killed after it took something, before it wrote anything; its lease runs out.
        work = it.bench.works["sync"]
        for key in work.due(3):
            work.do(key)
        for key in list(work.due(3)):
            take = doubts.take if key.startswith("cnv_") else passes.take
            it.parts.database.write(partial(_take, take, key, to_micros(it.clock.now())))
        it.bench = Bench(it.parts, threading.Event())
        it.advance(61)
    done = reconcile(it)
    assert (done["found"], done["read"], done["repaired"]) == (201, 201, 200)
    assert len(it.sessions()) == 201


def _take(take: Any, key: str, now: int, db: Any) -> None:
    take(db, key, now, 60_000_000)


def test_many_workers_read_each_once(make_rig_on_both: Callable[..., Rig]) -> None:
    it = make_rig_on_both(api_version="2.16")
    it.world.customer_starts("Hello", name="Cleo")
    it.hear()
    for number in range(60):
        it.world.customer_starts(f"Words {number}", name="Dara")
    it.standin.notifier.take()
    it.advance(MIN_AGE_S)
    with it.parts.database.read() as db:
        home = db.scalars(select(Installation.id)).one()
    it.parts.database.write(
        lambda db: passes.begin(db, home, asked_by="clock", now=to_micros(it.clock.now()))
    )
    before = len(it.standin.requests)
    benches = [Bench(it.parts, threading.Event()) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for more in pool.map(lambda bench: bench.drain("sync"), benches):
            assert more is False
    with it.parts.database.read() as db:
        (done,) = find_passes(db, CHANNEL).items
    assert done["ended_at"] is not None
    assert (done["read"], done["repaired"]) == (61, 60)
    assert kinds(it, before).count("get") == 61


def test_the_newest_are_read_first(it: Rig) -> None:
    cids = []
    for number in range(5):
        started = it.world.customer_starts(f"Words {number}", name="Cleo")
        cids.append(str(started.conversation.id))
        it.advance(10)
    it.hear()
    it.advance(MIN_AGE_S)
    before = len(it.standin.requests)
    reconcile(it)
    read = [c.conversation_id for c in it.standin.requests[before:] if c.kind == "get"]
    assert read == cids[::-1]


def test_installations_take_turns(it: Rig) -> None:
    now = to_micros(it.clock.now())

    def two(db: Any) -> list[str]:
        ids = []
        for name in ("one", "two"):
            db.execute(
                insert_into(db, Installation).values(
                    id=f"ins_{name}", channel=CHANNEL, slot=name, external_id=name, created_at=now
                )
            )
            id = passes.begin(db, f"ins_{name}", asked_by="clock", now=now)
            known = {
                Named(f"ins_{name}", f"{name}-{n}", CHANNEL): now - 1_000_000 * n
                for n in range(1 if name == "two" else 50)
            }
            doubts.doubt(db, id, known, now=now, min_age_us=0)
            ids.append(id)
        return ids

    it.parts.database.write(two)
    sync: Any = it.bench.works["sync"]
    reads = next(work for work in sync._works if work.kind == "doubts")
    due = reads.due(4)
    with it.parts.database.read() as db:
        whose = {
            row.conversation_id: row.reconciliation_id
            for row in db.execute(select(Doubt.conversation_id, Doubt.reconciliation_id))
        }
    assert len({whose[key] for key in due[:2]}) == 2
    assert len(due) == 4


def test_one_that_cannot_be_read_does_not_hold_up_the_rest(it: Rig) -> None:
    first, second = begun(it), begun(it)
    for cid in (first, second):
        lost(it, "assign", cid, AOIFE, by=AOIFE)
        it.advance(1)
    it.advance(MIN_AGE_S)

    def broken(call: Any) -> None:
        if call.kind == "get" and call.conversation_id == first:
            raise RuntimeError("the stand-in breaks at this one")

    it.standin.faults.hooks.before_read = broken
    done = reconcile(it)
    assert (done["read"], done["waiting"]) == (1, 1)
    assert [it.session(cid).mode for cid in (first, second)] == ["ai", "human"]
    it.standin.faults.hooks.before_read = None
    it.advance(3600)
    done = reconcile(it)
    assert (done["repaired"], done["waiting"]) == (1, 0)
    assert it.session(first).mode == "human"


def test_a_search_that_is_refused_waits_and_says_why(it: Rig) -> None:
    begun(it)
    it.standin.faults.add("server_error", where="search")
    with it.parts.database.read() as db:
        home = db.scalars(select(Installation.id)).one()
    it.parts.database.write(
        lambda db: passes.begin(db, home, asked_by="clock", now=to_micros(it.clock.now()))
    )
    it.work("sync")
    with it.parts.database.read() as db:
        (waiting,) = find_passes(db, CHANNEL).items
    assert waiting["listed_at"] is None
    assert "500" in waiting["trouble"]
    it.advance(31)
    it.work("sync")
    it.advance(MIN_AGE_S)
    it.work("sync")
    with it.parts.database.read() as db:
        (done,) = find_passes(db, CHANNEL).items
    assert done["ended_at"] is not None
    assert done["trouble"] is None


def test_by_the_clock(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(reconcile_every_s=600.0)
    assert it.bench.works["sync"].due(5) == []  # nothing was heard of the channel yet
    begun(it)
    it.advance(MIN_AGE_S)
    it.work("sync")

    def count() -> int:
        with it.parts.database.read() as db:
            return len(find_passes(db, CHANNEL).items)

    assert count() == 1
    it.advance(400)
    it.work("sync")
    assert count() == 1
    it.advance(200)
    it.work("sync")
    assert count() == 2
    with it.parts.database.read() as db:
        second, first = find_passes(db, CHANNEL).items
    assert first["asked_by"] == "clock"
    assert second["since"] < first["until"]  # they overlap


def test_the_first_pass_reads_no_history(it: Rig) -> None:
    it.clock.advance(-86_400)
    old = str(it.world.customer_starts("Long ago", name="Cleo").conversation.id)
    it.standin.notifier.take()
    it.clock.advance(86_400)
    new = begun(it)
    reconcile(it)
    known = {str(row.opened_by) for row in it.sessions()}
    assert known == {f"source:{new}"}
    assert f"source:{old}" not in known


def test_the_ai_hears_what_people_said_before_it_goes_on(it: Rig) -> None:
    cid = begun(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    lost(it, "admin_replies", cid, AOIFE, "You get 20% off.")
    lost(it, "customer_replies", cid, "Thanks! And the rest?")
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    turn = it.agent.turns[-1]
    assert [one.text for one in turn.messages][-2:] == ["You get 20% off.", "Thanks! And the rest?"]
    assert it.texts(cid)[-1] == "ai: AI: Thanks! And the rest?"


def test_a_return_waits_a_moment_for_a_channel_that_cannot_be_read(it: Rig) -> None:
    cid = begun(it)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.world.customer_replies(cid, "Well?")
    it.settle()
    asked = len(it.agent.turns)
    it.standin.faults.add("unavailable", where="get", count=2)
    it.world.assign(cid, BOT, by=AOIFE)
    it.hear()
    it.work("turns")
    assert len(it.agent.turns) == asked
    it.advance(2)
    it.work("turns")
    assert len(it.agent.turns) == asked
    it.advance(2)
    it.settle()
    assert len(it.agent.turns) == asked + 1
    assert it.texts(cid)[-1] == "ai: AI: Well?"


def test_the_doors(it: Rig) -> None:
    cid = begun(it)
    lost(it, "assign", cid, AOIFE, by=AOIFE)
    it.advance(MIN_AGE_S)
    path = f"/channels/{CHANNEL}/passes"
    assert it.api("POST", path, it.token("operator", "Olga")).status_code == 403
    asked = it.api("POST", path, it.token()).json()
    assert (asked["asked_by"], asked["ended_at"]) == ("command", None)
    assert it.api("POST", path, it.token("admin", "Ada")).json()["id"] == asked["id"]
    it.work("sync")
    viewer = it.token("viewer", "Vera")
    (done,) = it.api("GET", path, viewer).json()["items"]
    assert (done["repaired"], done["drift"], done["waiting"]) == (1, {"assigned": 1}, 0)
    (repair,) = it.api("GET", f"{path}/{done['id']}/repairs", viewer).json()["items"]
    assert (repair["conversation"], repair["effect"]) == (cid, "ai → human")
    for wrong in (
        f"/channels/nobody/passes/{done['id']}/repairs",
        f"{path}/{new_id('rec')}/repairs",
        "/channels/nobody/passes",
    ):
        assert it.api("GET", wrong, viewer).status_code == 404


def test_a_pass_that_was_taken_over_is_not_counted_twice(it: Rig) -> None:
    begun(it)
    now = to_micros(it.clock.now())
    with it.parts.database.read() as db:
        home = db.scalars(select(Installation.id)).one()
    id = it.parts.database.write(lambda db: passes.begin(db, home, asked_by="clock", now=now))
    slow = it.parts.database.write(lambda db: passes.take(db, id, now, 1))
    assert slow is not None
    it.work("sync")

    def late(db: Any) -> None:
        passes.walked(db, slow, None, found=1, people=0, marks={"new": 1}, now=now)

    it.parts.database.write(late)
    it.advance(MIN_AGE_S)
    it.work("sync")
    with it.parts.database.read() as db:
        (done,) = find_passes(db, CHANNEL).items
    assert done["found"] == 1


def starts(it: Rig, within_s: float = 60.0) -> bool:
    return it.bench.passes.begin_after_absence(to_micros(it.clock.now()), within_s)


def test_a_gateway_that_starts_looks_at_once(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(reconcile_every_s=600.0)
    starts(it)  # nothing to look at yet
    cid = begun(it)
    it.advance(MIN_AGE_S)
    it.work("sync")
    it.advance(600)
    it.work("sync")
    it.advance(30)
    starts(it)
    assert len(all_passes(it)) == 2  # Intercom sends again what it could not deliver for a minute
    lost(it, "assign", cid, AOIFE, by=AOIFE)
    it.advance(120)
    starts(it)
    assert len(all_passes(it)) == 3
    it.work("sync")
    assert it.session(cid).mode == "human"


def test_old_passes_are_forgotten_but_the_last(it: Rig) -> None:
    cid = begun(it)
    lost(it, "assign", cid, AOIFE, by=AOIFE)
    first = reconcile(it)
    it.advance(91 * 86_400)
    Upkeep(it.parts).forget()
    assert [one["id"] for one in all_passes(it)] == [first["id"]]
    second = reconcile(it)
    Upkeep(it.parts).forget()
    assert [one["id"] for one in all_passes(it)] == [second["id"]]
    assert repairs(it) == []


def all_passes(it: Rig) -> list[dict[str, Any]]:
    with it.parts.database.read() as db:
        return list(find_passes(db, CHANNEL).items)
