"""Places in a history: the order of its lines, and where a page of them goes on."""

from __future__ import annotations

from typing import Any

from gateway.reading.cursors import from_cursor, to_cursor
from gateway.store import Transaction
from gateway.store.models import Message

POSITION = (Message.at, Message.number, Message.step, Message.id)
"""What lines are ordered by, as a reader sees them."""


def place_of(cursor: str) -> list[int | str]:
    """The place behind a cursor; raise Unreadable for a foreign one."""
    return from_cursor(cursor, (int, int, int, str))


def cursor_at(line: Any) -> str:
    """The cursor of this line's place."""
    return to_cursor((line.at, line.number, line.step, line.id))


def page_of(db: Transaction, query: Any, limit: int) -> tuple[list[Any], str | None]:
    """As many rows of an ordered query as a page has, and the cursor of what follows them."""
    rows = db.execute(query.limit(limit + 1)).all()
    page = list(rows[:limit])
    return page, cursor_at(page[-1]) if len(rows) > limit else None
