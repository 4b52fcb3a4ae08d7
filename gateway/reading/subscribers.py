"""Subscribers as people see them: how each fares, and what it is owed, was sent or never got."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from sqlalchemy import Row, Select, func, select

from gateway.errors import NotFound
from gateway.reading.cursors import DEFAULT_LIMIT, from_cursor, to_cursor, to_time
from gateway.reading.sessions import Json, Page
from gateway.store import Transaction
from gateway.store.models import EventDelivery, Subscriber

EventState = Literal["owed", "sent", "dead", "cancelled"]


def find_states(db: Transaction, names: Collection[str], now: int) -> dict[str, Json]:
    """How each of these fares, by name; those that were never told of anything are new."""
    counts = {
        (row[0], row[1]): row[2]
        for row in db.execute(
            select(EventDelivery.subscriber, EventDelivery.state, func.count())
            .where(EventDelivery.subscriber.in_(names), EventDelivery.state.in_(("owed", "dead")))
            .group_by(EventDelivery.subscriber, EventDelivery.state)
        )
    }
    rows = {
        row.name: row
        for row in db.execute(select(Subscriber.__table__).where(Subscriber.name.in_(names)))
    }
    return {name: _state(name, rows.get(name), counts, now) for name in names}


def find_event_deliveries(
    db: Transaction,
    subscriber: str,
    *,
    state: EventState | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page:
    """A page of a subscriber's deliveries, the newest first. Raises Unreadable for a cursor."""
    query = _query().where(EventDelivery.subscriber == subscriber)
    if state is not None:
        query = query.where(EventDelivery.state == state)
    if cursor is not None:
        query = query.where(EventDelivery.id < from_cursor(cursor, (str,))[0])
    rows = db.execute(query.order_by(EventDelivery.id.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    following = to_cursor((page[-1].id,)) if len(rows) > limit else None
    return Page(items=[_delivery(row) for row in page], next_cursor=following)


def find_event_delivery(db: Transaction, subscriber: str, delivery_id: str) -> Json:
    """One delivery of a subscriber; raise NotFound."""
    row = db.execute(
        _query().where(EventDelivery.id == delivery_id, EventDelivery.subscriber == subscriber)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such delivery of this subscriber")
    return _delivery(row)


def _state(name: str, row: Any, counts: dict[tuple[str, str], int], now: int) -> Json:
    if row is None:
        state = "new"
    elif row.disabled_at is not None:
        state = "disabled"
    else:
        state = "resting" if row.rest_until > now else "active"
    return {
        "state": state,
        "error": row.error if row else None,
        "failures": row.failures if row else 0,
        "rests_until": to_time(row.rest_until) if row and state == "resting" else None,
        "disabled_at": to_time(row.disabled_at) if row else None,
        "sent_at": to_time(row.sent_at) if row else None,
        "owed": counts.get((name, "owed"), 0),
        "dead": counts.get((name, "dead"), 0),
    }


def _query() -> Select[*tuple[Any, ...]]:
    return select(
        EventDelivery.id, EventDelivery.event_id, EventDelivery.kind, EventDelivery.at,
        EventDelivery.session_id, EventDelivery.contact_id, EventDelivery.message_id,
        EventDelivery.state, EventDelivery.owed_at, EventDelivery.due_at, EventDelivery.ended_at,
        EventDelivery.tries, EventDelivery.status, EventDelivery.error,
    )  # fmt: skip


def _delivery(row: Row[*tuple[Any, ...]]) -> Json:
    return {
        "id": row.id,
        "event_id": row.event_id,
        "type": row.kind,
        "timestamp": to_time(row.at),
        "session_id": row.session_id,
        "contact_id": row.contact_id,
        "message_id": row.message_id,
        "state": row.state,
        "attempts": row.tries,
        "status": row.status,
        "error": row.error,
        "owed_at": to_time(row.owed_at),
        "due_at": to_time(row.due_at) if row.state == "owed" else None,
        "ended_at": to_time(row.ended_at),
    }
