"""Topics and hours are added up from the inbox, each notification once."""

from __future__ import annotations

from gateway.signs import HOUR_US, MINUTE_US
from gateway.watch import heard
from tests.rig import CHANNEL
from tests.watch.watcher import Watcher

HOME = (CHANNEL, "abc123std")


def sums(it: Watcher) -> tuple[dict[str, int], dict[int, tuple[int, int]]]:
    with it.rig.parts.database.read() as db:
        topics = {name: topic.count for name, topic in heard.topics(db, HOME).items()}
        return topics, heard.hours(db, HOME)


def test_each_notification_counts_once_however_often_it_is_looked(it: Watcher) -> None:
    hour = it.now - it.now % HOUR_US - 3 * HOUR_US
    it.came([hour, hour + 1, hour + MINUTE_US, hour + HOUR_US])
    it.came([hour + HOUR_US + 5], topic="conversation.admin.replied")
    for _ in range(3):
        assert heard.listen(it.rig.parts.database, lag_s=0)
    topics, hours = sums(it)
    assert topics == {"conversation.user.replied": 4, "conversation.admin.replied": 1}
    assert hours == {hour: (3, 2), hour + HOUR_US: (2, 1)}
    # The same minute again, in another look, is not another minute.
    it.came([hour + HOUR_US + 7])
    assert heard.listen(it.rig.parts.database, lag_s=0)
    assert sums(it)[1][hour + HOUR_US] == (3, 1)


def test_what_may_still_be_overtaken_waits(it: Watcher) -> None:
    it.came([it.now - 40_000_000, it.now - 10_000_000])
    heard.listen(it.rig.parts.database)
    assert sums(it)[0] == {"conversation.user.replied": 1}
    it.rig.advance(30)
    heard.listen(it.rig.parts.database)
    assert sums(it)[0] == {"conversation.user.replied": 2}


def test_the_newest_is_known_before_it_is_in_the_sums(it: Watcher) -> None:
    def newest() -> int | None:
        with it.rig.parts.database.read() as db:
            return heard.newest(db, HOME)

    assert newest() is None
    it.came([it.now - 40_000_000, it.now - 10_000_000])
    assert newest() == it.now - 10_000_000, "nobody has added up yet"
    heard.listen(it.rig.parts.database)
    assert newest() == it.now - 10_000_000
    it.rig.advance(60)
    heard.listen(it.rig.parts.database)
    assert newest() is None, "the sums know of all"


def test_many_are_taken_in_pages(lite: Watcher) -> None:
    at = lite.now - 10 * HOUR_US
    lite.came(range(at, at + 4_500 * 1_000_000, 1_000_000))
    assert heard.listen(lite.rig.parts.database)
    assert sums(lite)[0] == {"conversation.user.replied": 4_500}
    assert sum(count for count, _ in sums(lite)[1].values()) == 4_500
    assert sum(minutes for _, minutes in sums(lite)[1].values()) in (75, 76)


def test_hours_are_kept_for_five_weeks_before_the_last_one(it: Watcher) -> None:
    day = 24 * HOUR_US
    now = it.now - it.now % HOUR_US
    it.came([now - 60 * day, now - 30 * day, now - 20 * day])
    heard.listen(it.rig.parts.database)
    it.rig.parts.database.write(heard.forget_hours)
    # A silence of weeks forgets nothing of the rhythm before it.
    assert sorted(sums(it)[1]) == [now - 30 * day, now - 20 * day]


def test_it_is_known_when_the_sums_lag_behind(it: Watcher) -> None:
    def up_to_date() -> bool:
        with it.rig.parts.database.read() as db:
            return heard.is_up_to_date(db, it.now)

    assert not up_to_date()
    heard.listen(it.rig.parts.database)
    assert up_to_date()
    it.rig.advance(400)
    assert not up_to_date()
    it.meet()
    assert "not added up yet" in it.findings()["silent"]["what"]
