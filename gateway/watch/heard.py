"""What notifications came: topics and hours, added up from the inbox by a worker on a clock.

Nothing is written for it while a notification is received. The inbox is read in the order of its
ids, which begin with time, up to half a minute ago: what commits late has committed by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select

from gateway.clock import to_micros
from gateway.signs import DAY_US, HOUR_US, MINUTE_US, Topic
from gateway.store import Database, Transaction
from gateway.store.ids import first_id
from gateway.store.models import HeardHour, HeardTopic, InboxDelivery
from gateway.store.sql import dialect_of, insert_into
from gateway.watch import sightings

LAG_S = 30.0
KEPT_US = 35 * DAY_US
_PAGE = 2_000
_MOST_PAGES = 50
# Nobody has added up for longer than this: the sums say nothing of now.
_FRESH_US = 5 * MINUTE_US
_LATELY_S = 3_600.0
# Where the reading has got to is of no channel.
_NOBODY, _PLACE = "", "heard"

Home = tuple[str, str]
"""A channel and an installation of it."""


@dataclass(slots=True)
class _Sums:
    topics: dict[tuple[str, str, str], Topic] = field(default_factory=dict)
    hours: dict[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)


def listen(database: Database, *, lag_s: float = LAG_S) -> bool:
    """Add up what came since the last time; False if there is more than was read now."""
    until = to_micros(database.clock.now()) - int(lag_s * 1e6)
    return any(not database.write(lambda db: _listen(db, until)) for _ in range(_MOST_PAGES))


def is_up_to_date(db: Transaction, now: int) -> bool:
    """True if all that came until a few minutes ago is in the sums."""
    place = sightings.find(db, _NOBODY).get(_PLACE)
    return place is not None and place.value["all"] and now - place.at < _FRESH_US


def topics(db: Transaction, home: Home) -> dict[str, Topic]:
    """When each topic came first and last, and how often."""
    rows = db.scalars(
        select(HeardTopic).where(HeardTopic.channel == home[0], HeardTopic.installation == home[1])
    )
    return {
        row.topic: Topic(first_at=row.first_at, last_at=row.last_at, count=row.count)
        for row in rows
    }


def newest(db: Transaction, home: Home) -> int | None:
    """When the last notification came of those that are not in the sums yet."""
    place = sightings.find(db, _NOBODY).get(_PLACE)
    # The inbox is read backwards, and no further than an hour: who adds up may be away.
    after = max(place.value["upto"] if place is not None else "", first_id("dlv", _LATELY_S))
    return db.scalar(
        select(InboxDelivery.received_at)
        .where(
            InboxDelivery.id > after,
            InboxDelivery.channel == home[0],
            InboxDelivery.installation == home[1],
        )
        .order_by(InboxDelivery.id.desc())
        .limit(1)
    )


def hours(db: Transaction, home: Home) -> dict[int, tuple[int, int]]:
    """Notifications and the minutes in which any came, by the hour's beginning."""
    rows = db.scalars(
        select(HeardHour).where(HeardHour.channel == home[0], HeardHour.installation == home[1])
    )
    return {row.hour: (row.count, row.minutes) for row in rows}


def forget_hours(db: Transaction) -> None:
    """Drop hours of more than five weeks before the last notification: a silence forgets none."""
    latest = (
        select(func.max(HeardTopic.last_at))
        .where(
            HeardTopic.channel == HeardHour.channel,
            HeardTopic.installation == HeardHour.installation,
        )
        .scalar_subquery()
    )
    old = delete(HeardHour).where(HeardHour.hour < latest - KEPT_US)
    db.execute(old.execution_options(synchronize_session=False))


def _listen(db: Transaction, until: int) -> bool:
    """Take in one page; True if it was full."""
    place = sightings.find(db, _NOBODY).get(_PLACE)
    # What was there before we began to listen is of interest only as long as it is kept.
    after = place.value["upto"] if place is not None else first_id("dlv", KEPT_US / 1e6)
    rows = db.execute(
        select(
            InboxDelivery.id, InboxDelivery.channel, InboxDelivery.installation,
            InboxDelivery.topic, InboxDelivery.received_at,
        )
        .where(InboxDelivery.id > after)
        .order_by(InboxDelivery.id)
        .limit(_PAGE)
    ).all()  # fmt: skip
    old_enough: list[tuple[str, str, str, int]] = []
    for row in rows:
        if row.received_at > until:
            break
        old_enough.append((row.channel, row.installation, row.topic, row.received_at))
    full = len(old_enough) == _PAGE
    if old_enough:
        homes = {(channel, installation) for channel, installation, _, _ in old_enough}
        _keep(db, _add_up(old_enough, _latest(db, homes)))
        after = rows[len(old_enough) - 1].id
    sightings.see(db, _NOBODY, _PLACE, {"upto": after, "all": not full}, until)
    return full


def _latest(db: Transaction, homes: set[Home]) -> dict[Home, int]:
    """The last moment of each home that is in the sums already."""
    rows = db.execute(
        select(
            HeardTopic.channel, HeardTopic.installation, func.max(HeardTopic.last_at).label("at")
        )
        .where(HeardTopic.channel.in_({channel for channel, _ in homes}))
        .group_by(HeardTopic.channel, HeardTopic.installation)
    )
    return {(row.channel, row.installation): int(row.at) for row in rows}


def _add_up(rows: Sequence[tuple[str, str, str, int]], latest: dict[Home, int]) -> _Sums:
    sums = _Sums()
    for channel, installation, topic, at in rows:
        home = (channel, installation)
        before = latest.get(home, 0)
        is_new_minute = at // MINUTE_US > before // MINUTE_US
        latest[home] = max(before, at)
        count, minutes = sums.hours.get((*home, at - at % HOUR_US), (0, 0))
        sums.hours[*home, at - at % HOUR_US] = (count + 1, minutes + is_new_minute)
        known = sums.topics.get((*home, topic))
        sums.topics[*home, topic] = Topic(
            first_at=min(known.first_at, at) if known else at,
            last_at=max(known.last_at, at) if known else at,
            count=(known.count if known else 0) + 1,
        )
    return sums


def _keep(db: Transaction, sums: _Sums) -> None:
    sql = dialect_of(db)
    for (channel, installation, topic), seen in sorted(sums.topics.items(), key=lambda one: one[0]):
        row = insert_into(db, HeardTopic).values(
            channel=channel, installation=installation, topic=topic,
            first_at=seen.first_at, last_at=seen.last_at, count=seen.count,
        )  # fmt: skip
        db.execute(
            row.on_conflict_do_update(
                index_elements=[HeardTopic.channel, HeardTopic.installation, HeardTopic.topic],
                set_={
                    "first_at": sql.least(HeardTopic.first_at, row.excluded.first_at),
                    "last_at": sql.greatest(HeardTopic.last_at, row.excluded.last_at),
                    "count": HeardTopic.count + row.excluded.count,
                },
            )
        )
    for (channel, installation, hour), (count, minutes) in sorted(sums.hours.items()):
        row = insert_into(db, HeardHour).values(
            channel=channel, installation=installation, hour=hour, count=count, minutes=minutes
        )
        db.execute(
            row.on_conflict_do_update(
                index_elements=[HeardHour.channel, HeardHour.installation, HeardHour.hour],
                set_={
                    "count": HeardHour.count + row.excluded.count,
                    "minutes": HeardHour.minutes + row.excluded.minutes,
                },
            )
        )
