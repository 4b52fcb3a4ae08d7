"""Backfills: how far each is, and what it brought."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, func, select

from gateway.errors import NotFound
from gateway.reading.cursors import DEFAULT_LIMIT, from_cursor, to_cursor, to_time
from gateway.reading.sessions import Json, Page
from gateway.store import Transaction
from gateway.store.models import Backfill, PastConversation
from gateway.store.models.backfills import THE_BEGINNING

_COUNTS = (
    "expected", "found", "known", "read", "gone", "failed", "messages", "shortened", "lost",
    "people", "staff",
)  # fmt: skip


def find_backfills(
    db: Transaction, channel: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page:
    """A page of a channel's backfills, the newest first. Raises Unreadable for a foreign cursor."""
    query = _query().where(Backfill.channel == channel)
    if cursor is not None:
        query = query.where(Backfill.id < from_cursor(cursor, (str,))[0])
    rows = db.execute(query.order_by(Backfill.id.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    following = to_cursor((page[-1].id,)) if len(rows) > limit else None
    return Page(items=[_backfill(row) for row in page], next_cursor=following)


def find_backfill(db: Transaction, backfill_id: str) -> Json:
    """One backfill; raise NotFound."""
    row = db.execute(_query().where(Backfill.id == backfill_id)).one_or_none()
    if row is None:
        raise NotFound("there is no such backfill")
    return _backfill(row)


def _query() -> Select[*tuple[Any, ...]]:
    waiting = (
        select(func.count())
        .where(PastConversation.backfill_id == Backfill.id)
        .correlate(Backfill)
        .scalar_subquery()
    )
    return select(Backfill.__table__, waiting.label("waiting"))


def _backfill(row: Row[*tuple[Any, ...]]) -> Json:
    return {
        "id": row.id,
        "channel": row.channel,
        "since": to_time(row.since) if row.since > THE_BEGINNING else None,
        "until": to_time(row.until),
        "began_at": to_time(row.began_at),
        "listed_at": to_time(row.listed_at),
        "ended_at": to_time(row.ended_at),
        "stopped_at": to_time(row.stopped_at),
        **{count: getattr(row, count) for count in _COUNTS},
        "waiting": row.waiting,
        "trouble": row.trouble,
    }
