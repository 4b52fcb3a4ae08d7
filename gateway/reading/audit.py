"""Who did what: a page of it, and all of it for a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from gateway.reading.cursors import DEFAULT_LIMIT, MAX_LIMIT, from_cursor, to_cursor, to_time
from gateway.reading.sessions import Json, Page
from gateway.store import Database, Transaction
from gateway.store.models import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries. `actor` and `object` are ids, or a kind (`cli`, `session`); µs otherwise."""

    actor: str | None = None
    action: str | None = None
    object: str | None = None
    outcome: str | None = None
    since: int | None = None
    until: int | None = None


def find_entries(
    db: Transaction, wanted: AuditFilter, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page:
    """A page of entries, the newest first. Raises Unreadable for a foreign cursor."""
    query = select(*_COLUMNS).where(*_conditions(wanted))
    if cursor is not None:
        query = query.where(AuditEntry.id < from_cursor(cursor, (str,))[0])
    # An id begins with the time at which it was given, so this is the order in which things were.
    rows = db.execute(query.order_by(AuditEntry.id.desc()).limit(limit + 1)).all()
    page = rows[:limit]
    following = to_cursor((page[-1].id,)) if len(rows) > limit else None
    return Page(items=[_entry(row) for row in page], next_cursor=following)


def every_entry(database: Database, wanted: AuditFilter) -> Iterator[Json]:
    """Every entry that there is now, the oldest first, read in portions.

    No transaction is open while whoever asks takes their time.
    """
    with database.read() as db:
        newest = db.scalar(select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(1))
    last = ""
    while newest is not None:
        query = select(*_COLUMNS).where(
            *_conditions(wanted), AuditEntry.id > last, AuditEntry.id <= newest
        )
        with database.read() as db:
            rows = db.execute(query.order_by(AuditEntry.id).limit(MAX_LIMIT)).all()
        yield from map(_entry, rows)
        if len(rows) < MAX_LIMIT:
            return
        last = rows[-1].id


_COLUMNS = (
    AuditEntry.id, AuditEntry.at, AuditEntry.actor_kind, AuditEntry.actor_id,
    AuditEntry.actor_name, AuditEntry.token_id, AuditEntry.address, AuditEntry.request_id,
    AuditEntry.action, AuditEntry.object_kind, AuditEntry.object_id, AuditEntry.before,
    AuditEntry.after, AuditEntry.outcome, AuditEntry.reason,
)  # fmt: skip

_ID = re.compile(r"[a-z]{3}_[0-9a-z]{26}")


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.actor is not None:
        by_id = _ID.fullmatch(wanted.actor)
        column = AuditEntry.actor_id if by_id else AuditEntry.actor_kind
        conditions.append(column == wanted.actor)
    if wanted.action is not None:
        conditions.append(AuditEntry.action == wanted.action)
    if wanted.object is not None:
        of_id = AuditEntry.object_id == wanted.object
        # Channels are named by people, so what is no id of ours may be a kind or a name.
        by_id = _ID.fullmatch(wanted.object)
        conditions.append(of_id if by_id else of_id | (AuditEntry.object_kind == wanted.object))
    if wanted.outcome is not None:
        conditions.append(AuditEntry.outcome == wanted.outcome)
    if wanted.since is not None:
        conditions.append(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(AuditEntry.at < wanted.until)
    return conditions


def _entry(row: Row[*tuple[Any, ...]]) -> Json:
    return {
        "id": row.id,
        "at": to_time(row.at),
        "actor": {
            "kind": row.actor_kind,
            "id": row.actor_id,
            "name": row.actor_name,
            "token_id": row.token_id,
            "address": row.address,
        },
        "action": row.action,
        "object": {"kind": row.object_kind, "id": row.object_id} if row.object_kind else None,
        "before": row.before,
        "after": row.after,
        "outcome": row.outcome,
        "reason": row.reason,
        "request_id": row.request_id,
    }
