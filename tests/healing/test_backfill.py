"""A backfill: what of a channel's past it brings, and that nothing follows from it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.clock import to_micros
from gateway.reading.backfills import find_backfill
from gateway.reconciling import backfills
from gateway.reconciling.passes import MIN_AGE_S
from gateway.store import migrate, new_id
from gateway.store.models import (
    Contact,
    Conversation,
    Installation,
    JournalRow,
    Offer,
    PastConversation,
    Staff,
)
from tests.healing.city import Town
from tests.healing.test_killed import Record
from tests.healing.truth import differences
from tests.order.gateways import gateways, read
from tests.order.gateways import told as told_by
from tests.order.ledgers import same_ledger
from tests.rig import AOIFE, BOT, CHANNEL, MAREK, TEAM, Rig

DAY_S = 86_400.0
LONG_AGO_S = 300 * DAY_S


RULES = {"api_version": "2.16", "agent_rules": {"idle_timeout_s": 3600}}


@pytest.fixture
def it(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig(**RULES)


@pytest.fixture
def on_both(make_rig_on_both: Callable[..., Rig]) -> Rig:
    return make_rig_on_both(**RULES)


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


def test_a_whole_past(on_both: Rig) -> None:
    it = on_both
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


def test_nothing_follows_from_it(on_both: Rig) -> None:
    """Open, unanswered, the AI's or the people's: the past asks for nothing."""
    it = on_both
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


# -- what lives meanwhile --------------------------------------------------------------------------


def test_a_word_that_the_backfill_sees_first_is_answered_by_its_own_notification(it: Rig) -> None:
    cid = old(it)
    it.advance(LONG_AGO_S)
    id = begin(it)
    it.advance(3)
    it.world.customer_replies(cid, "Quick!")
    work(it, id)
    assert it.texts(cid) == ["customer: Old words 1."]
    it.settle()
    assert it.texts(cid)[1:] == ["customer: Quick!", "ai: AI: Quick!"]
    assert seen(it, id)["messages"] == 1


def test_a_word_still_on_its_way_when_it_begins_is_no_history(it: Rig) -> None:
    cid = old(it)
    it.advance(LONG_AGO_S)
    it.world.customer_replies(cid, "Just before.")
    it.advance(MIN_AGE_S - 5)
    backfill(it)
    assert it.texts(cid) == ["customer: Old words 1."]
    it.settle()
    assert it.texts(cid)[1:] == ["customer: Just before.", "ai: AI: Just before."]


@pytest.mark.parametrize("far", ["heard", "asked", "said", "sent"])
def test_what_it_moves_under_a_live_answer_is_still_answered_once(on_both: Rig, far: str) -> None:
    """The first notification tells of the opening and its own part only: between lie two cuts."""
    it = on_both
    cid = old(it)
    for _ in range(2):
        it.advance(DAY_S)
        it.world.admin_replies(cid, AOIFE, "Done.")
        it.world.close(cid, AOIFE)
        it.world.customer_replies(cid, "Not yet.")
    it.world.close(cid, AOIFE)
    it.world.assign(cid, BOT, by=AOIFE)
    it.standin.notifier.take()
    it.advance(LONG_AGO_S)
    it.world.customer_replies(cid, "Today.")
    it.hear()
    assert len(it.sessions(cid)) == 1
    if far == "asked":
        it.agent.before.append(lambda _turn: backfill(it))
    if far != "heard":
        it.work("turns")
    if far == "sent":
        it.settle()
    if far != "asked":
        backfill(it)
    it.settle()
    assert [one.status for one in it.sessions(cid)] == ["finished"] * 3 + ["active"]
    live = it.session(cid)
    assert not live.asleep
    assert it.texts(cid)[-2:] == ["customer: Today.", "ai: AI: Today."]
    assert ["AI: Today." in one for one in it.said_by_bot(cid)] == [True]
    assert differences(it) == []


def test_a_takeover_that_nobody_told_silences_the_ai(it: Rig) -> None:
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.settle()
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.standin.notifier.take()
    it.advance(DAY_S)
    backfill(it)
    assert it.session(cid).mode == "human"
    assert told(it)[-2:] == ["session.handed_over", "session.assigned"]


def test_a_backfill_ends_no_hold(it: Rig) -> None:
    """What could not be understood may have come after the past."""
    cid = old(it)
    it.advance(LONG_AGO_S)
    it.world.customer_replies(cid, "Hello")
    it.standin.notifier.take()
    channel = it.parts.channels[CHANNEL]
    item = {"type": "conversation", "id": cid, "conversation_parts": 7}
    body = json.dumps(
        {
            "topic": "conversation.admin.assigned", "app_id": it.standin.app_id, "id": "notif_1",
            "data": {"item": item},
        }
    ).encode()  # fmt: skip
    envelope = channel.receiver.read_envelope(body)
    assert it.parts.inbox.receive(channel, envelope, body).state == "failed"
    backfill(it)

    def held(db: Any) -> Any:
        return db.execute(select(Conversation.held_since, Conversation.read_due)).one()

    with it.parts.database.read() as db:
        assert None not in held(db)


# -- coming to life --------------------------------------------------------------------------------


def test_who_waits_for_people_waits_from_the_moment_it_comes_to_life(on_both: Rig) -> None:
    it = on_both
    cid = old(it)
    it.world.assign(cid, f"team:{TEAM}", by=AOIFE)
    it.standin.notifier.take()
    it.advance(LONG_AGO_S)
    backfill(it)
    assert it.session(cid).asleep
    it.advance(DAY_S)
    it.world.customer_replies(cid, "Anybody?")
    it.hear()
    it.work("deadlines")
    session = it.session(cid)
    assert (session.asleep, session.wait_step, session.wait_rung) == (False, "accept", 0)
    assert to_micros(it.clock.now()) < session.wait_due
    it.advance((session.wait_due - to_micros(it.clock.now())) / 1e6 + 1)
    it.work("deadlines")
    assert it.session(cid).wait_rung == 1


def test_who_waits_already_is_not_late_because_of_old_words(it: Rig) -> None:
    cid = old(it)
    it.world.assign(cid, f"team:{TEAM}", by=AOIFE)
    it.standin.notifier.take()
    it.advance(LONG_AGO_S)
    it.world.customer_replies(cid, "Anybody?")
    it.hear()
    backfill(it)
    it.work("deadlines")
    assert it.session(cid).wait_rung == 0


def test_idleness_counts_from_the_moment_it_comes_to_life(it: Rig) -> None:
    cid = old(it)
    it.advance(LONG_AGO_S)
    backfill(it)
    it.world.customer_replies(cid, "Hello?")
    it.settle()
    it.work("upkeep")
    assert it.session(cid).status == "active"
    it.advance(3601)
    it.work("upkeep")
    assert it.session(cid).status == "finished"


def test_an_operator_wakes_it_at_our_doors(it: Rig) -> None:
    cid = old(it)
    it.advance(LONG_AGO_S)
    backfill(it)
    it.hand_over(it.session(cid).id)
    session = it.session(cid)
    assert (session.asleep, session.mode, session.wait_step) == (False, "human", "accept")


# -- the list --------------------------------------------------------------------------------------


def test_what_moves_while_it_is_listed_is_listed_after_all(it: Rig) -> None:
    """The list is by the last change: what changes leaves its page for one that was walked."""
    cid = old(it)
    it.advance(LONG_AGO_S)
    id = begin(it)
    it.advance(5)
    it.world.customer_replies(cid, "Me, too.")
    work(it, id)
    assert it.texts(cid) == ["customer: Old words 1."]
    assert (seen(it, id)["found"], seen(it, id)["read"]) == (1, 1)


def test_between_two_times(it: Rig) -> None:
    days = [to_micros(it.clock.now())]
    threads = []
    for number in range(4):
        threads.append(old(it, number))
        it.advance(DAY_S)
        days.append(to_micros(it.clock.now()))
    it.advance(DAY_S)
    done = backfill(it, since=days[1] - 1_000_000, until=days[2] + 1_000_000)
    known = {one for one in threads if it.sessions(one)}
    assert known == {threads[1], threads[2]}
    assert (done["read"], done["expected"]) == (2, 2)


def test_a_conversation_that_is_longer_than_intercom_tells(it: Rig) -> None:
    cid = old(it)
    for number in range(505):
        it.world.admin_notes(cid, AOIFE, f"Note {number}.")
    it.standin.notifier.take()
    it.advance(200)
    done = backfill(it)
    assert (done["lost"], done["shortened"]) == (6, 1)
    assert len(it.history(cid, "note")) == 500 - 0


def test_another_workspace_is_not_imported(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(app_id="somebody_elses")
    old(it)
    it.advance(200)
    id = begin(it)
    for _ in range(3):
        it.work("sync")
    assert "of another workspace" in seen(it, id)["trouble"]
    assert (it.sessions(), seen(it, id)["ended_at"]) == ([], None)


def test_what_is_deleted_meanwhile(on_both: Rig) -> None:
    it = on_both
    gone, known, there = old(it, 1), old(it, 2), old(it, 3)
    it.world.customer_replies(known, "Heard.")
    it.hear()
    it.advance(200)
    id = begin(it)
    work(it, id, steps=2)
    for one in (gone, known):
        it.world.delete_conversation(one)
    it.standin.notifier.take()
    work(it, id)
    assert {name: seen(it, id)[name] for name in ("found", "read", "gone", "failed")} == {
        "found": 3, "read": 1, "gone": 2, "failed": 0,
    }  # fmt: skip
    assert it.sessions(gone) == []
    assert (it.session(known).status, it.session(there).status) == ("finished", "active")


def test_what_cannot_be_read_is_told_and_tried_by_the_next_one(it: Rig) -> None:
    old(it)
    it.advance(200)
    it.standin.faults.add("server_error", where="get", count=5)
    done = backfill(it)
    assert (done["read"], done["failed"]) == (0, 1)
    assert backfill(it)["read"] == 1


def test_a_refusal_is_waited_for(it: Rig) -> None:
    old(it)
    it.advance(200)
    for where in ("search", "get", "me"):
        it.standin.faults.add("rate_limited", where=where)
    assert backfill(it)["read"] == 1


# -- broken off ------------------------------------------------------------------------------------


class Killed(BaseException):
    """A worker dies."""


def test_killed_again_and_again(on_both: Rig) -> None:
    """A worker dies just before or just after half of what it writes."""
    it = on_both
    town(it, conversations=12)
    write = it.parts.database.write
    chance = random.Random(20261126)

    def dies(work: Any) -> Any:
        moment = chance.choice(["before", "after", "never", "never"])
        if moment == "before":
            raise Killed
        done = write(work)
        if moment == "after":
            raise Killed
        return done

    id = begin(it)
    kills = 0
    while seen(it, id)["ended_at"] is None:
        it.parts.database.write = dies  # type: ignore[method-assign]
        sync = it.bench.works["sync"]
        try:
            for key in [key for key in sync.due(50) if key.startswith(id)]:
                sync.do(key)
        except Killed:
            kills += 1
            it.advance(61)
        finally:
            it.parts.database.write = write  # type: ignore[method-assign]
        it.advance(1)
    assert kills > 20
    done = seen(it, id)
    assert differences(it) == []
    assert (done["found"], done["read"], done["people"]) == (12, 12, 12)
    assert done["messages"] == len(it.history(None, "message")) + len(it.history(None, "note"))


def town(it: Rig, conversations: int, steps: int = 6) -> list[Any]:
    """Conversations in which much happens, unheard; returns what would have been told."""
    place = Town(it, 7, lost=0, twice=0)
    for _ in range(conversations):
        cid = place.opens()
        for _ in range(place.random.randint(1, steps)):
            it.advance(1)
            place.steps(cid)
    it.advance(200)
    return list(it.standin.notifier.take())


def test_its_sessions_are_cut_as_if_they_had_been_heard(
    it: Rig, migrated_sqlite_url: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'heard.db'}"
    migrate(url)
    notifications = town(it, conversations=30, steps=12)
    with gateways([url], tmp_path, it.clock, api_version="2.16") as (heard,):
        for one in notifications:
            told_by(it.standin, one).reach(heard)
        for cid in it.world.conversations:  # no notification tells that nobody holds it
            read(it.standin, cid).reach(heard)
        backfill(it)
        wanted, found = heard.ledger(), Record(it.parts).ledger()
        deleted = {id for id, _ in it.world.deleted}
        for ledger in (wanted, found):
            for name in ("history", "sessions", "facts"):
                ledger[name] = [row for row in ledger[name] if row["conversation"] not in deleted]
            # What a live snapshot showed by the way leaves no marker of the part that came later.
            ledger["history"] = [
                row
                for row in ledger["history"]
                if not str(row["external_id"]).endswith(":unassigned")
            ]
            for row in ledger["sessions"]:
                del row["waiting_since"]  # what sleeps waits for nobody
            del ledger["threads"], ledger["contacts"]
        same_ledger(wanted, found, "(heard, and imported)")


# -- the doors -------------------------------------------------------------------------------------


def test_the_doors(it: Rig) -> None:
    old(it)
    it.advance(200)
    path = f"/channels/{CHANNEL}/backfills"
    assert it.api("POST", path, it.token("operator", "Olga")).status_code == 403
    admin = it.token()
    asked = it.api("POST", path, admin, since="2020-01-01T00:00:00Z").json()
    assert (asked["since"], asked["ended_at"]) == ("2020-01-01T00:00:00Z", None)
    assert it.api("POST", path, admin).json()["id"] == asked["id"]
    work(it, asked["id"])
    viewer = it.token("viewer", "Vera")
    (done,) = it.api("GET", path, viewer).json()["items"]
    assert done == it.api("GET", f"{path}/{asked['id']}", viewer).json()
    assert (done["read"], done["waiting"], done["messages"]) == (1, 0, 1)
    for wrong in (f"{path}/{new_id('bkf')}", "/channels/nobody/backfills"):
        assert it.api("GET", wrong, viewer).status_code == 404
    turned = {"since": "2020-01-02T00:00:00Z", "until": "2020-01-01T00:00:00Z"}
    assert it.api("POST", path, admin, **turned).status_code == 422
    entries = it.api("GET", "/audit?action=begin_backfill", admin).json()["items"]
    assert [one["outcome"] for one in entries] == ["done", "done", "refused"]
    assert entries[1]["after"]["backfill_id"] == asked["id"]


def test_it_is_stopped(on_both: Rig) -> None:
    """What was read stays, nothing else is read, and whoever was at it does no harm."""
    it = on_both
    for number in range(5):
        old(it, number)
    it.advance(200)
    path, admin = f"/channels/{CHANNEL}/backfills", it.token()
    id = begin(it)
    work(it, id, steps=1)
    now = to_micros(it.clock.now())
    slow = it.parts.database.write(lambda db: backfills.take(db, id, now, 1))
    assert slow is not None
    while seen(it, id)["read"] < 2:
        work(it, id, steps=1)
    before = seen(it, id)
    assert (before["read"], before["waiting"]) == (2, 3)

    assert it.api("POST", f"{path}/{id}/stop", it.token("operator", "Olga")).status_code == 403
    stopped = it.api("POST", f"{path}/{id}/stop", admin).json()
    assert stopped == seen(it, id)
    assert stopped["stopped_at"] == stopped["ended_at"] is not None
    assert (stopped["read"], stopped["waiting"]) == (2, 0)
    assert it.api("POST", f"{path}/{id}/stop", admin).status_code == 409
    it.advance(600)
    it.work("sync")
    it.parts.database.write(
        lambda db: backfills.listed(db, slow, {"9": now}, None, people=7, total=1, now=now)
    )
    assert seen(it, id) == stopped
    with it.parts.database.read() as db:
        assert db.scalar(select(func.count()).select_from(Conversation)) == 2
    # Begun again, it reads the rest.
    again = backfill(it)
    assert (again["known"], again["read"], again["stopped_at"]) == (2, 3, None)
    assert differences(it) == []
    acts = it.api("GET", "/audit?action=stop_backfill", admin).json()["items"]
    assert [one["outcome"] for one in acts] == ["refused", "done", "refused"]


def test_it_is_stopped_before_it_has_reached_anybody(it: Rig) -> None:
    old(it)
    path, admin = f"/channels/{CHANNEL}/backfills", it.token()
    id = it.api("POST", path, admin).json()["id"]
    assert it.api("POST", f"{path}/{new_id('bkf')}/stop", admin).status_code == 404
    assert it.api("POST", f"{path}/{id}/stop", admin).json()["stopped_at"] is not None
    assert it.api("GET", path, admin).json()["items"] == []
    it.work("sync")
    it.advance(200)
    assert backfill(it)["read"] == 1


def test_a_page_that_was_taken_over_is_not_counted_twice(it: Rig) -> None:
    old(it)
    it.advance(200)
    id = begin(it)
    work(it, id, steps=1)
    now = to_micros(it.clock.now())
    slow = it.parts.database.write(lambda db: backfills.take(db, id, now, 1))
    assert slow is not None
    it.advance(1)
    work(it, id)
    listed = seen(it, id)

    def late(db: Any) -> None:
        backfills.listed(db, slow, {"9": now}, "further", people=7, total=1, now=now)

    it.parts.database.write(late)
    assert seen(it, id) == listed
