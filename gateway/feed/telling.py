"""Telling what happened: one more row, with the transaction's last statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import BigInteger, ColumnElement, Insert, bindparam, insert, select

from gateway.config import EVENT_NAMES, EventName
from gateway.errors import Ours
from gateway.store import Transaction
from gateway.store.models import JournalRow, Message
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

_JOURNAL, _MESSAGES = table_of(JournalRow), table_of(Message)
_KINDS = frozenset(EVENT_NAMES)

Kind = EventName


class Telling:
    """A statement that tells something, prepared, to be executed with a transaction's last ones."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    def later(self, db: Transaction, parameters: dict[str, Any]) -> None:
        """Tell it when the transaction ends; whoever follows is told once it is committed."""
        self._prepared.later(db, parameters)
        db.news = True


def telling(which: Callable[[Any], ColumnElement[bool]]) -> Telling:
    """Tell that words were updated whose ids a condition names, at `told_at` (µs).

    It is executed before those words change: of the tables that are written at a transaction's
    end, the journal is an early one, since it refers to none.
    """
    return Telling(Prepared(lambda _: _updated(which(_MESSAGES.c.id))))


_TELL = Telling(Prepared(lambda sql: sql.insert(_JOURNAL)))
UPDATED = telling(lambda message_id: cast(ColumnElement[bool], message_id == bindparam("message")))
"""Tells that the words with the id `message` were updated at `told_at` (µs)."""


def tell(
    db: Transaction,
    kind: Kind,
    *,
    at: int,
    session_id: str | None = None,
    conversation_id: str | None = None,
    contact_id: str | None = None,
    message_id: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Tell that something happened at `at` (µs); others learn it once the transaction commits.

    `data` is for small facts that the record will not remember: who did it, and why.
    Raises Ours for a kind that is not in the vocabulary (`config.EventName`).
    """
    if kind not in _KINDS:
        raise Ours(f"there is no event {kind!r}")
    row = {
        "kind": kind,
        "at": at,
        "session_id": session_id,
        "conversation_id": conversation_id,
        "contact_id": contact_id,
        "message_id": message_id,
        "data": data,
    }
    _TELL.later(db, row)


def tell_updated(db: Transaction, which: ColumnElement[bool], at: int) -> None:
    """Tell at once that words were updated: `message.updated`, or the same of a note or draft."""
    db.execute(_updated(which), {"told_at": at})
    db.news = True


def _updated(which: ColumnElement[bool]) -> Insert:
    return insert(_JOURNAL).from_select(
        ["kind", "at", "session_id", "conversation_id", "message_id"],
        select(
            _MESSAGES.c.kind + ".updated",
            bindparam("told_at", type_=BigInteger),
            _MESSAGES.c.session_id,
            _MESSAGES.c.conversation_id,
            _MESSAGES.c.id,
        ).where(which),
    )
