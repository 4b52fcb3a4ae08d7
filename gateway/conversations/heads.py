"""The heads of the lanes: which conversation has something due, and what must go first there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, exists, select

from gateway.conversations import pushes
from gateway.store import Transaction
from gateway.store.models import Claim, Conversation, Push
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

CLAIM = "lane"
NOT_LOOKED_FIRST = ("operator", "note")

_PUSHES, _CONVERSATIONS = table_of(Push), table_of(Conversation)
_CLAIMS = table_of(Claim)
_EARLIER = _PUSHES.alias("earlier")
_DUE = Prepared(
    lambda _: (
        select(_PUSHES.c.conversation_id, _PUSHES.c.due_at)
        .join(_CONVERSATIONS, _CONVERSATIONS.c.id == _PUSHES.c.conversation_id)
        .outerjoin(
            _CLAIMS,
            _CLAIMS.c.kind.in_(literals(CLAIM)) & (_CLAIMS.c.key == _PUSHES.c.conversation_id),
        )
        .where(
            _PUSHES.c.state.in_(literals(*pushes.OPEN)),
            _PUSHES.c.due_at <= bindparam("until"),
            _CLAIMS.c.until.is_(None) | (_CLAIMS.c.until <= bindparam("database_now")),
            ~exists().where(
                _EARLIER.c.conversation_id == _PUSHES.c.conversation_id,
                _EARLIER.c.id < _PUSHES.c.id,
                _EARLIER.c.state.in_(literals(*pushes.OPEN)),
            ),
            _CONVERSATIONS.c.held_since.is_(None) | _PUSHES.c.role.in_(literals(*NOT_LOOKED_FIRST)),
        )
        .order_by(_PUSHES.c.due_at)
        .limit(bindparam("most", type_=Integer))
    )
)
_HEAD = Prepared(
    lambda _: select(
        _PUSHES.c.id, _PUSHES.c.conversation_id, _CONVERSATIONS.c.external_id,
        _CONVERSATIONS.c.channel, _PUSHES.c.state, _PUSHES.c.role, _PUSHES.c.due_at,
        _PUSHES.c.begun_at, _PUSHES.c.reads, _PUSHES.c.session_id, _PUSHES.c.origin,
        _CONVERSATIONS.c.held_since, _CONVERSATIONS.c.read_due,
    )
    .join(_CONVERSATIONS, _CONVERSATIONS.c.id == _PUSHES.c.conversation_id)
    .where(
        _PUSHES.c.conversation_id == bindparam("conversation"),
        _PUSHES.c.state.in_(literals(*pushes.OPEN)),
    )
    .order_by(_PUSHES.c.id)
    .limit(1)
)  # fmt: skip

Hold = tuple[int | None, int | None]
"""Since when a conversation is held and when it is to be read: a read ends only what it knew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first open push of a lane, as far as a worker must know before it locks anything."""

    id: int
    conversation_id: str
    external_id: str
    channel: str
    state: str
    role: str
    due_at: int
    begun_at: int | None
    reads: int
    session_id: str
    origin: str | None
    hold: Hold

    @property
    def needs_look(self) -> bool:
        """AI words, our assignments and closings go out only after a look at the channel."""
        return self.role not in NOT_LOOKED_FIRST


def due(db: Transaction, database_now: int, until: int, limit: int) -> list[tuple[str, int]]:
    """Conversations whose first open push is due by then and that nobody works on, and when."""
    asked = {"database_now": database_now, "until": until, "most": limit}
    return [(row.conversation_id, row.due_at) for row in _DUE.run(db, asked)]


def head(db: Transaction, conversation_id: str) -> Head | None:
    """The push that must go first, whether it is due or not; None if nothing is owed."""
    return ask_head(db, conversation_id)()


def ask_head(db: Transaction, conversation_id: str) -> Callable[[], Head | None]:
    """The same, but return how to get it: for what goes `in_one_trip` with others."""
    found = _HEAD.ask_all(db, [{"conversation": conversation_id}])
    return lambda: next(map(_head, found()), None)


def _head(row: Any) -> Head:
    *fields, held_since, read_due = row
    names = ("id", "conversation_id", "external_id", "channel", "state", "role", "due_at",
             "begun_at", "reads", "session_id", "origin")  # fmt: skip
    return Head(**dict(zip(names, fields, strict=True)), hold=(held_since, read_due))
