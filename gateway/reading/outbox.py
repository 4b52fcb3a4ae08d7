"""What is owed to channels and what became of it: the pushes that failed, that wait, that went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, func, select

from gateway.errors import NotFound
from gateway.reading.cursors import DEFAULT_LIMIT, from_cursor, to_cursor, to_time
from gateway.reading.sessions import Json, Page
from gateway.store import Transaction
from gateway.store.models import Conversation, EventDelivery, InboxDelivery, Push
from gateway.store.sql import literals

PushState = Literal["failed", "retried", "waiting", "sent", "cancelled"]

_OPEN = Push.state.in_(literals("owed", "sending", "unknown"))
# Words of ours, so that planners know the partial indexes by them.
_WHICH: Mapping[str, ColumnElement[bool]] = {
    "failed": Push.state.in_(literals("failed")),
    "retried": and_(_OPEN, Push.tries > 1),
    "waiting": _OPEN,
    "sent": Push.state.in_(literals("sent")),
    "cancelled": Push.state.in_(literals("cancelled")),
}
PUSH_STATES: tuple[str, ...] = tuple(_WHICH)


def find_pushes(
    db: Transaction,
    *,
    state: str | None = None,
    channel: str | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page:
    """A page of pushes, the newest first; `retried` are those that wait after a failure.

    Raises Unreadable for a foreign cursor.
    """
    query = _query()
    if state is not None:
        query = query.where(_WHICH[state])
    if channel is not None:
        query = query.where(Conversation.channel == channel)
    if cursor is not None:
        query = query.where(Push.id < from_cursor(cursor, (int,))[0])
    rows = db.execute(query.order_by(Push.id.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    following = to_cursor((page[-1].id,)) if len(rows) > limit else None
    return Page(items=[_push(row) for row in page], next_cursor=following)


def find_push(db: Transaction, push_id: int) -> Json:
    """One push with its `command`: what the channel is asked to do. Raises NotFound."""
    query = _query().add_columns(Push.command).where(Push.id == push_id)
    row = db.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such push")
    return {**_push(row), "command": msgspec.json.decode(row.command)}


def count_trouble(db: Transaction) -> dict[str, int]:
    """How many deliveries failed, pushes failed, and events are dead."""
    counted = {
        "inbox": (InboxDelivery, InboxDelivery.state.in_(literals("failed"))),
        "pushes": (Push, _WHICH["failed"]),
        "events": (EventDelivery, EventDelivery.state.in_(literals("dead"))),
    }
    return {
        name: db.scalar(select(func.count()).select_from(table).where(condition)) or 0
        for name, (table, condition) in counted.items()
    }


def _query() -> Select[*tuple[Any, ...]]:
    return select(
        Push.id, Push.kind, Push.role, Push.state, Push.session_id, Push.tries, Push.owed_at,
        Push.due_at, Push.ended_at, Push.error, Push.overlapped, Conversation.channel,
        Conversation.external_id.label("conversation"),
    ).join(Conversation, Conversation.id == Push.conversation_id)  # fmt: skip


def _push(row: Row[*tuple[Any, ...]]) -> Json:
    return {
        "id": row.id,
        "channel": row.channel,
        "conversation": row.conversation,
        "session_id": row.session_id,
        "kind": row.kind,
        "role": row.role,
        "state": row.state,
        "attempts": row.tries,
        "error": row.error,
        "overlapped": row.overlapped,
        "owed_at": to_time(row.owed_at),
        "due_at": to_time(row.due_at) if row.ended_at is None else None,
        "ended_at": to_time(row.ended_at),
    }
