"""The stretches in which people held a session, as rows that can be counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete

from gateway.handover import Stretch
from gateway.store import Transaction
from gateway.store.models import StretchRow
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

_STRETCHES = table_of(StretchRow)
_KEEP = Prepared(lambda sql: sql.put(_STRETCHES))


def keep(
    db: Transaction, session_id: str, before: Sequence[Stretch], after: Sequence[Stretch]
) -> None:
    """Write those that are not as they were `before`."""
    for number, stretch in enumerate(after):
        if number < len(before) and before[number] == stretch:
            continue
        row = {"session_id": session_id, "number": number, **_columns(stretch)}
        # At the end of the transaction: other words of it may belong to sessions still unwritten.
        _KEEP.later(db, row)


def keep_again(db: Transaction, session_id: str, after: Sequence[Stretch]) -> None:
    """Write all of them, after the session was folded again: there may be fewer now."""
    db.execute(
        delete(StretchRow).where(
            StretchRow.session_id == session_id, StretchRow.number >= len(after)
        )
    )
    keep(db, session_id, (), after)


def _columns(stretch: Stretch) -> dict[str, Any]:
    handover, by = stretch.handover, stretch.accepted_by
    return {
        "began_at": stretch.began_at,
        "trigger": handover.trigger if handover else None,
        "reason": handover.reason if handover else None,
        "handed_by": handover.by.id if handover else None,
        "accepted_at": stretch.accepted_at,
        "accepted_by": by.id if by else None,
        "first_reply_at": stretch.first_reply_at,
        "ended_at": stretch.ended_at,
    }
