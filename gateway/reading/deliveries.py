"""What channels reported, and what became of it; bodies stay in the record."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Row, Select, select

from gateway.errors import NotFound
from gateway.reading.cursors import DEFAULT_LIMIT, from_cursor, to_cursor, to_time
from gateway.reading.sessions import Json, Page
from gateway.store import Transaction
from gateway.store.models import InboxDelivery

DeliveryState = Literal["applied", "failed", "foreign"]


def find_deliveries(
    db: Transaction,
    *,
    state: DeliveryState | None = None,
    channel: str | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page:
    """A page of deliveries, the newest first. Raises Unreadable for a foreign cursor."""
    query = _query()
    if state is not None:
        query = query.where(InboxDelivery.state == state)
    if channel is not None:
        query = query.where(InboxDelivery.channel == channel)
    if cursor is not None:
        query = query.where(InboxDelivery.id < from_cursor(cursor, (str,))[0])
    # An id begins with the time at which it was given, so this is the order of arrival.
    rows = db.execute(query.order_by(InboxDelivery.id.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    following = to_cursor((page[-1].id,)) if len(rows) > limit else None
    return Page(items=[_delivery(row) for row in page], next_cursor=following)


def find_delivery(db: Transaction, delivery_id: str) -> Json:
    """One delivery; raise NotFound."""
    row = db.execute(_query().where(InboxDelivery.id == delivery_id)).one_or_none()
    if row is None:
        raise NotFound("there is no such delivery")
    return _delivery(row)


def find_body(db: Transaction, delivery_id: str) -> bytes:
    """What came, byte by byte; raise NotFound."""
    body = db.scalar(select(InboxDelivery.body).where(InboxDelivery.id == delivery_id))
    if body is None:
        raise NotFound("there is no such delivery")
    return body


def _query() -> Select[*tuple[Any, ...]]:
    return select(
        InboxDelivery.id, InboxDelivery.channel, InboxDelivery.topic, InboxDelivery.conversation,
        InboxDelivery.state, InboxDelivery.error, InboxDelivery.received_at,
        InboxDelivery.applied_at, InboxDelivery.attempts,
    )  # fmt: skip


def _delivery(row: Row[*tuple[Any, ...]]) -> Json:
    return {
        "id": row.id,
        "channel": row.channel,
        "topic": row.topic,
        "conversation": row.conversation,
        "state": row.state,
        "error": row.error,
        "received_at": to_time(row.received_at),
        "applied_at": to_time(row.applied_at),
        "attempts": row.attempts,
    }
