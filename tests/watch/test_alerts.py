"""An alert's life: steady before it is told, told once, reminded of, over; and never lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from gateway.signs import DAY_US, Finding
from gateway.store.models import Alert, AlertNotice, FindingRow
from gateway.sync.scheduler import ON_A_CLOCK, tick
from gateway.watch import alerts
from tests.rig import BOT, CHANNEL
from tests.watch.watcher import Watcher


def away(it: Watcher, on: bool) -> None:
    it.rig.world.set_away(BOT, away=on, reassign=on)
    it.rig.hear()
    it.ask()


def events(it: Watcher) -> list[str]:
    return [one["type"] for one in it.posted()]


def rows(it: Watcher, kind: Any) -> list[Any]:
    with it.rig.parts.database.read() as db:
        return list(db.scalars(select(kind).order_by(kind.id)))


def minute(it: Watcher, seconds: float = 61) -> None:
    it.rig.advance(seconds)
    it.look()


@pytest.fixture
def wrong(it: Watcher) -> Watcher:
    """The bot is away, and people have been told."""
    it.meet()
    away(it, True)
    it.look()
    minute(it)
    assert events(it) == ["alert.raised"]
    return it


def test_what_is_seen_once_is_no_alert_yet(it: Watcher) -> None:
    it.meet()
    away(it, True)
    it.look()
    assert "bot_away" in it.wrong()
    assert it.alerts() == {}
    minute(it, 30)
    assert it.alerts() == {}
    away(it, False)
    minute(it, 31)
    minute(it)
    assert rows(it, Alert) == []
    assert (it.mails.taken, it.posts.got) == ([], [])


def test_it_is_told_once_and_so_is_its_end(wrong: Watcher) -> None:
    it = wrong
    for _ in range(5):
        minute(it)
    assert events(it) == ["alert.raised"]
    assert len(it.mails.taken) == 1
    away(it, False)
    it.look()
    assert list(it.alerts()) == ["bot_away"]  # well, but not for a minute yet
    minute(it)
    assert it.alerts() == {}
    assert events(it) == ["alert.raised", "alert.cleared"]
    raised, cleared = (one["alert"] for one in it.posted())
    assert raised["id"] == cleared["id"]
    assert (raised["cleared_at"], raised["raised_at"]) == (None, cleared["raised_at"])
    assert cleared["cleared_at"] > cleared["raised_at"] > cleared["since"]
    assert "Over:" in it.mailed()
    assert it.mails.taken[1]["Subject"].startswith(f"[Support] {CHANNEL}: over: Sage (AI) is away")


def test_one_that_flaps_is_neither_told_again_nor_over(wrong: Watcher) -> None:
    it = wrong
    for _ in range(3):
        away(it, False)
        minute(it)
        away(it, True)
        minute(it)
    assert events(it) == ["alert.raised"]
    assert list(it.alerts()) == ["bot_away"]


def test_people_are_reminded_once_a_day(wrong: Watcher) -> None:
    it = wrong
    for _ in range(3):
        minute(it, 86_400)
        minute(it)
    of_it = [one for one in it.posted() if one["alert"]["code"] == "bot_away"]
    assert [one["type"] for one in of_it] == ["alert.raised", *["alert.reminded"] * 3]
    assert "Still wrong:" in it.mailed()


def test_several_at_once_are_one_mail(it: Watcher) -> None:
    it.meet()
    away(it, True)
    it.passed(found=100, repaired=50, marks={"fin": 3})
    it.look()
    minute(it)
    (mail,) = it.mails.taken
    assert mail["Subject"] == "[Support] 3 new problems"
    assert mail["To"] == "ops@acme.example, ann@acme.example"
    assert it.mails.to == [["ops@acme.example", "ann@acme.example"]]
    for words in ("Sage (AI) is away", "50 were not as notifications", "Fin took part"):
        assert words in it.mailed()
    assert "What to do: set Sage (AI) to active in the Inbox" in it.mailed()
    assert sorted(one["alert"]["code"] for one in it.posted()) == ["bot_away", "drift", "fin"]


def test_at_most_one_stands_for_each_channel_and_code(wrong: Watcher) -> None:
    (row,) = rows(wrong, Alert)

    def twice(db: Any) -> None:
        db.add(
            Alert(
                id="alr_2",
                channel=row.channel,
                code=row.code,
                what="",
                do="",
                since=0,
                raised_at=0,
                told_at=0,
                cleared_at=None,
            )
        )
        db.flush()

    with pytest.raises(IntegrityError):
        wrong.rig.parts.database.write(twice)


def test_two_workers_raise_it_once(it: Watcher) -> None:
    """The claim makes a look one; if two look all the same, the row makes the alert one."""
    it.meet()
    bad = Finding(ok=False, code="bot_away", what="away", do="come back")
    database = it.rig.parts.database
    for later in (0, 61_000_000, 61_000_000):
        for _ in range(2):
            database.write(
                lambda db, at=it.now + later: alerts.take_in(db, CHANNEL, [bad], ["webhook"], at)
            )
    assert len(rows(it, Alert)) == 1
    assert [row.event for row in rows(it, AlertNotice)] == ["raised"]


def test_a_look_is_taken_once_a_minute(lite: Watcher) -> None:
    lite.meet()
    assert lite.watch.due(5) == ["look"]
    lite.watch.do("look")
    assert lite.watch.due(5) == []

    def last_look() -> Any:
        with lite.rig.parts.database.read() as db:
            return db.scalar(select(func.max(FindingRow.at)))

    before = last_look()
    lite.rig.advance(1)
    lite.watch.do("look")  # a second worker, woken by the same clock
    assert last_look() == before
    lite.rig.advance(53)
    assert lite.watch.due(5) == []
    lite.rig.advance(2)
    assert lite.watch.due(5) == ["look"]


def test_what_cannot_be_told_is_told_later(it: Watcher) -> None:
    it.meet()
    away(it, True)
    it.posts.answers = [Response(status=503), Response(status=302, headers={"Location": "/"})]
    it.mails.refuse = "451 4.3.0 try again later"
    it.look()
    minute(it)
    assert len(it.posts.got) == 1
    states = {row.sink: (row.state, row.tries, row.error) for row in rows(it, AlertNotice)}
    assert states == {
        "email": ("owed", 1, "the mail server refused: 451 4.3.0 try again later"),
        "webhook": ("owed", 1, "127.0.0.1 answered 503"),
    }
    it.rig.advance(20)
    it.look()
    assert len(it.posts.got) == 1  # 30 s first
    it.rig.advance(11)
    it.look()
    assert len(it.posts.got) == 2  # a redirect is not followed
    it.rig.advance(61)
    it.mails.refuse = ""
    it.look()
    assert len(it.posts.got) == 3
    assert [row.state for row in rows(it, AlertNotice)] == ["sent", "sent"]
    assert len({headers["webhook-id"] for headers, _ in it.posts.got}) == 1
    assert len(it.mails.taken) == 1


def test_after_a_day_it_is_given_up(it: Watcher) -> None:
    it.meet()
    away(it, True)
    it.posts.answers = [Response(status=500) for _ in range(100)]
    it.look()
    for _ in range(60):
        minute(it, 1800)
    webhooks = [row for row in rows(it, AlertNotice) if row.sink == "webhook"]
    assert webhooks[0].state == "failed"
    assert 25 < webhooks[0].tries < 40  # an hour apart in the end


def test_the_end_is_not_told_before_the_beginning(it: Watcher) -> None:
    it.meet()
    away(it, True)
    it.posts.answers = [Response(status=500) for _ in range(4)]
    it.look()
    minute(it)
    away(it, False)
    it.look()
    for _ in range(12):
        minute(it, 90)
    kinds = [one["type"] for one in it.posted()]
    assert kinds[-2:] == ["alert.raised", "alert.cleared"]
    assert set(kinds[:-1]) == {"alert.raised"}


def test_one_that_is_not_taken_does_not_hold_up_the_others(it: Watcher) -> None:
    it.meet()
    away(it, True)
    it.passed(found=100, repaired=50)
    it.posts.answers = [Response(status=400)]
    it.look()
    minute(it)
    assert len(it.posts.got) == 2
    states = [row.state for row in rows(it, AlertNotice) if row.sink == "webhook"]
    assert sorted(states) == ["owed", "sent"]


def test_a_channel_that_is_no_more_has_no_alerts(wrong: Watcher) -> None:
    database = wrong.rig.parts.database
    database.write(lambda db: alerts.forget(db, ["another"], wrong.now))
    (row,) = rows(wrong, Alert)
    assert row.cleared_at is not None
    assert events(wrong) == ["alert.raised"]


def test_what_is_over_for_90_days_is_forgotten(wrong: Watcher) -> None:
    database = wrong.rig.parts.database
    database.write(
        lambda db: db.execute(update(Alert).values(cleared_at=wrong.now - 90 * DAY_US - 1))
    )
    database.write(lambda db: alerts.forget(db, [CHANNEL], wrong.now))
    assert (rows(wrong, Alert), rows(wrong, AlertNotice)) == ([], [])


def test_the_directory_is_asked_at_once_when_the_seat_changes(it: Watcher) -> None:
    """A notification tells who is away; what then happens, the directory tells, hourly."""
    it.meet()
    it.ask()
    assert it.directory.due(5) == []
    it.rig.world.set_away(BOT, away=True, reassign=True)
    it.rig.hear()
    assert it.findings()["bot_away"]["what"] == (
        "Sage (AI) is away, so Intercom's assignment rules pass it by"
    )
    it.watch.do("look")
    assert it.directory.due(5) == [CHANNEL]
    it.directory.do(CHANNEL)
    assert "its replies are reassigned" in it.findings()["bot_away"]["what"]
    assert it.directory.due(5) == []


def test_the_directory_is_asked_at_once_when_reconciling_stops(it: Watcher) -> None:
    it.ago(minutes=10)
    it.meet()
    it.ask()
    it.ago()
    it.passed(ended=False, trouble="Unauthorized")
    assert it.directory.due(5) == []
    it.watch.do("look")
    assert it.directory.due(5) == [CHANNEL]


def test_what_was_refused_once_is_well_when_it_is_taken_again(it: Watcher) -> None:
    it.meet()
    right = it.rig.standin.gate.token
    it.rig.standin.gate.token = "another one"
    it.ask()
    assert "token" in it.wrong()
    it.rig.standin.gate.token = right
    it.ask()
    assert it.wrong() == {}


def test_the_scheduler_wakes_who_looks(it: Watcher) -> None:
    assert "watch" in tick(it.rig.bench, ON_A_CLOCK)
    it.rig.bench.works["watch"].do("look")
    assert "watch" not in tick(it.rig.bench, ON_A_CLOCK)
