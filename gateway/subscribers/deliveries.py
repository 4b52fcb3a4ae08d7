"""Events owed to subscribers: what is due in a lane, what became of it, and doing it again."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import aliased

from gateway.errors import Conflict, NotFound
from gateway.store import Transaction
from gateway.store.models import EventDelivery, Subscriber

SCHEDULE_S = (
    5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0,
)  # fmt: skip
"""How long is waited after each failure; after the one that follows the last, it is dead."""

JITTER = 0.2
_WAITED_TOO_LONG_US = int(sum(SCHEDULE_S) * (1 + JITTER) * 1e6)
_DEAD_KEPT_US = 30 * 24 * 3_600_000_000


def due(db: Transaction, name: str, lane: int, now: int, limit: int) -> list[Any]:
    """What is due in a lane, in order: nothing whose subject has something earlier that waits."""
    rows = db.execute(
        select(EventDelivery.__table__)
        .where(EventDelivery.lane == lane, *_is_due(name, now))
        .order_by(EventDelivery.place)
        .limit(limit)
    )
    return list(rows.all())


def due_lanes(db: Transaction, rows: Sequence[Any], soon: int) -> list[tuple[str, int]]:
    """Lanes (subscriber, number) in which something is due by `soon`, of these subscribers' rows.

    Of one that has just failed only one lane is tried: if that goes well, the others follow.
    """
    lanes: list[tuple[str, int]] = []
    for row in rows:
        if row.disabled_at is not None or row.rest_until > soon:
            continue
        found = db.scalars(
            select(EventDelivery.lane).where(*_is_due(row.name, soon)).distinct()
        ).all()
        mine = [(row.name, lane) for lane in sorted(found)]
        lanes += mine[:1] if row.failures else mine
    return lanes


def sent(db: Transaction, ids: Sequence[str], now: int) -> None:
    """These were taken."""
    _end(db, ids, "sent", None, now, count=True)


def gone(db: Transaction, ids: Sequence[str], now: int) -> None:
    """What these tell of is no longer in the record: there is nothing to say."""
    if ids:
        _end(db, ids, "cancelled", "what it tells of is no longer in the record", now)


def failed(db: Transaction, row: Any, status: int | None, error: str, now: int) -> str:
    """It was not taken: try again later, and what follows in its subject after it; or give up.

    Returns the state that it is in now.
    """
    tries = row.tries + 1
    tried: dict[str, Any] = {"tries": tries, "status": status, "error": error}
    if tries > len(SCHEDULE_S):
        tried |= {"state": "dead", "ended_at": now}
    else:
        wait_s = SCHEDULE_S[tries - 1] * random.uniform(1.0, 1.0 + JITTER)
        tried["due_at"] = now + int(wait_s * 1e6)
    db.execute(
        update(EventDelivery)
        .where(EventDelivery.id == row.id, EventDelivery.state == "owed")
        .values(tried)
    )
    if "due_at" in tried:
        db.execute(
            update(EventDelivery)
            .where(
                EventDelivery.subscriber == row.subscriber,
                EventDelivery.subject == row.subject,
                EventDelivery.state == "owed",
                EventDelivery.place > row.place,
                EventDelivery.due_at < tried["due_at"],
            )
            .values(due_at=tried["due_at"])
        )
    return str(tried.get("state", "owed"))


def replay(db: Transaction, name: str, delivery_id: str, now: int) -> None:
    """Owe it once more, under the same event id. Raises NotFound, and Conflict if it is owed."""
    state = db.scalar(
        select(EventDelivery.state).where(
            EventDelivery.id == delivery_id, EventDelivery.subscriber == name
        )
    )
    if state is None:
        raise NotFound("there is no such delivery of this subscriber")
    if state == "owed":
        raise Conflict("it is still owed, and will be tried by itself")
    _owe_again(db, EventDelivery.id == delivery_id, now)


def replay_many(
    db: Transaction,
    name: str,
    states: Collection[str],
    now: int,
    *,
    since: int | None = None,
    until: int | None = None,
    kinds: Collection[str] = (),
) -> int:
    """Owe again what ended so, happened in that time (µs) and is of these kinds; how many."""
    which = [EventDelivery.subscriber == name, EventDelivery.state.in_(states)]
    which.append(EventDelivery.state != "owed")
    if since is not None:
        which.append(EventDelivery.at >= since)
    if until is not None:
        which.append(EventDelivery.at < until)
    if kinds:
        which.append(EventDelivery.kind.in_(kinds))
    return _owe_again(db, and_(*which), now)


def bury(db: Transaction, now: int) -> int:
    """Give up what has waited longer than all tries take: its subscriber was away all the time."""
    buried = db.execute(
        update(EventDelivery)
        .where(EventDelivery.state == "owed", EventDelivery.owed_at < now - _WAITED_TOO_LONG_US)
        .where(
            EventDelivery.subscriber.in_(
                select(Subscriber.name).where(Subscriber.disabled_at.is_(None))
            )
        )
        .values(state="dead", ended_at=now, error="its subscriber was away for too long")
        .returning(EventDelivery.id)
    )
    return len(buried.all())


def forget(db: Transaction, until: int, limit: int) -> int:
    """Forget up to `limit` that ended before `until` (µs), dead ones 30 days later; how many."""
    old = or_(
        and_(EventDelivery.state.in_(("sent", "cancelled")), EventDelivery.ended_at < until),
        and_(EventDelivery.state == "dead", EventDelivery.ended_at < until - _DEAD_KEPT_US),
    )
    some = select(EventDelivery.id).where(old).limit(limit)
    gone = db.execute(
        delete(EventDelivery).where(EventDelivery.id.in_(some)).returning(EventDelivery.id)
    )
    return len(gone.all())


def _is_due(name: str, by: int) -> list[ColumnElement[bool]]:
    """Owed and due, and nothing of its subject that comes earlier is due later."""
    earlier = aliased(EventDelivery)
    waits = exists().where(
        earlier.subscriber == EventDelivery.subscriber,
        earlier.subject == EventDelivery.subject,
        earlier.state == "owed",
        earlier.place < EventDelivery.place,
        earlier.due_at > by,
    )
    return [
        EventDelivery.subscriber == name,
        EventDelivery.state == "owed",
        EventDelivery.due_at <= by,
        ~waits,
    ]


def _end(
    db: Transaction,
    ids: Sequence[str],
    state: str,
    error: str | None,
    now: int,
    *,
    count: bool = False,
) -> None:
    values: dict[Any, Any] = {"state": state, "ended_at": now, "error": error}
    if count:
        values |= {"tries": EventDelivery.tries + 1, "status": None}
    db.execute(
        update(EventDelivery)
        .where(EventDelivery.id.in_(ids), EventDelivery.state == "owed")
        .values(values)
    )


def _owe_again(db: Transaction, which: ColumnElement[bool], now: int) -> int:
    again = {"state": "owed", "owed_at": now, "due_at": now, "ended_at": None, "tries": 0}
    owed = db.execute(update(EventDelivery).where(which).values(again).returning(EventDelivery.id))
    return len(owed.all())
