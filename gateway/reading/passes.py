"""Passes over a channel's changes: how far they are, what they found, and what they repaired."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, func, select

from gateway.errors import NotFound
from gateway.reading.cursors import DEFAULT_LIMIT, from_cursor, to_cursor, to_time
from gateway.reading.sessions import Json, Page
from gateway.store import Transaction
from gateway.store.models import Conversation, Doubt, Reconciliation, Repair

_COUNTS = ("found", "doubted", "read", "repaired", "gone", "lost", "people")


def find_passes(
    db: Transaction, channel: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page:
    """A page of a channel's passes, the newest first. Raises Unreadable for a foreign cursor."""
    query = _query().where(Reconciliation.channel == channel)
    if cursor is not None:
        query = query.where(Reconciliation.id < from_cursor(cursor, (str,))[0])
    rows = db.execute(query.order_by(Reconciliation.id.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    following = to_cursor((page[-1].id,)) if len(rows) > limit else None
    return Page(items=[_pass(row) for row in page], next_cursor=following)


def find_pass(db: Transaction, reconciliation_id: str) -> Json:
    """One pass; raise NotFound."""
    row = db.execute(_query().where(Reconciliation.id == reconciliation_id)).one_or_none()
    if row is None:
        raise NotFound("there is no such pass")
    return _pass(row)


def find_repairs(
    db: Transaction,
    reconciliation_id: str,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page:
    """A page of what a pass repaired, by conversation. Raises Unreadable for a foreign cursor."""
    query = (
        select(
            Repair.conversation_id, Conversation.external_id, Repair.session_id, Repair.at,
            Repair.learned, Repair.effect,
        )
        .join(Conversation, Conversation.id == Repair.conversation_id)
        .where(Repair.reconciliation_id == reconciliation_id)
    )  # fmt: skip
    if cursor is not None:
        query = query.where(Repair.conversation_id > from_cursor(cursor, (str,))[0])
    rows = db.execute(query.order_by(Repair.conversation_id).limit(limit + 1)).all()
    page = rows[:limit]
    following = to_cursor((page[-1].conversation_id,)) if len(rows) > limit else None
    return Page(items=[_repair(row) for row in page], next_cursor=following)


def _query() -> Select[*tuple[Any, ...]]:
    waiting = (
        select(func.count())
        .where(Doubt.reconciliation_id == Reconciliation.id)
        .correlate(Reconciliation)
        .scalar_subquery()
    )
    return select(Reconciliation.__table__, waiting.label("waiting"))


def _pass(row: Row[*tuple[Any, ...]]) -> Json:
    return {
        "id": row.id,
        "channel": row.channel,
        "asked_by": row.asked_by,
        "since": to_time(row.since),
        "until": to_time(row.until),
        "began_at": to_time(row.began_at),
        "listed_at": to_time(row.listed_at),
        "ended_at": to_time(row.ended_at),
        **{count: getattr(row, count) for count in _COUNTS},
        "waiting": row.waiting,
        "drift": row.drift,
        "trouble": row.trouble,
    }


def _repair(row: Row[*tuple[Any, ...]]) -> Json:
    return {
        "conversation": row.external_id,
        "session_id": row.session_id,
        "at": to_time(row.at),
        "learned": row.learned,
        "effect": row.effect,
    }
