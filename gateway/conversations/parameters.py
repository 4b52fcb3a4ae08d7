"""What is known of a session from outside it: its parameters, which the AI is told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import bindparam, select, update

from gateway import feed
from gateway.conversations.thread import Held
from gateway.store import Transaction
from gateway.store.models import ChatSession
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

log = structlog.get_logger(__name__)

MOST = 200
"""So many parameters may a session have by what channels say; agents add theirs to them."""

_SESSIONS = table_of(ChatSession)
_ACTIVE = Prepared(
    lambda sql: sql.locked(
        select(_SESSIONS.c.id, _SESSIONS.c.parameters).where(
            _SESSIONS.c.conversation_id == bindparam("conversation"),
            _SESSIONS.c.status.in_(literals("active")),
        )
    )
)


def set_parameters(
    db: Transaction, held: Held, values: Mapping[str, Any], *, over: bool, now: int
) -> None:
    """Set parameters of the active session of a locked conversation; nothing if there is none.

    `over`: they replace what is known under their names; else only what is not known is added.
    Names beyond the most that a session may have are left out.
    """
    row = _ACTIVE.first(db, {"conversation": held.id})
    if row is None:
        return
    known = row.parameters
    told = {**known, **values} if over else {**values, **known}
    room = [*known, *(name for name in values if name not in known)][: max(MOST, len(known))]
    if len(room) < len(told):
        log.info("parameters_refused", session=row.id, count=len(told) - len(room))
    told = {name: told[name] for name in room}
    if told == known:
        return
    db.execute(update(ChatSession).where(ChatSession.id == row.id).values(parameters=told))
    feed.tell(db, "session.updated", at=now, session_id=row.id, conversation_id=held.id)
