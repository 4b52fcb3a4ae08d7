"""Drafts that the AI wrote for a person: open until sent, edited, discarded or overtaken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.errors import NotFound
from gateway.store import Transaction
from gateway.store.models import Draft, Message
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, literals, table_of

_DRAFTS = table_of(Draft)
_EXPIRE = Prepared(
    lambda _: update(_DRAFTS).where(
        _DRAFTS.c.session_id == bindparam("session"), _DRAFTS.c.state.in_(literals("open"))
    )
)

ENDED = {
    "sent": "was sent already",
    "edited": "was sent already, edited",
    "discarded": "was discarded",
    "expired": "expired when something was said after it",
}
"""How a draft's end is told."""


def keep(
    db: Transaction, message_ids: Sequence[str], session_id: str, turn_id: str, now: int
) -> None:
    """Open drafts that a turn brought."""
    for message_id in message_ids:
        db.execute(
            insert_into(db, Draft).values(
                message_id=message_id, session_id=session_id, turn_id=turn_id, state="open",
                created_at=now,
            )
        )  # fmt: skip


def find(db: Transaction, session_id: str, draft_id: str) -> Any:
    """A draft's state and text; raise NotFound."""
    row = db.execute(
        select(Draft.state, Message.text)
        .join(Message, Message.id == Draft.message_id)
        .where(Draft.message_id == draft_id, Draft.session_id == session_id)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such draft in this session")
    return row


def end(
    db: Transaction, message_ids: Sequence[str], state: str, now: int, *, by: str | None = None
) -> None:
    """Let open drafts end."""
    db.execute(
        update(Draft)
        .where(Draft.message_id.in_(message_ids), Draft.state == "open")
        .values(state=state, ended_at=now, ended_by=by)
    )


def name_sent(db: Transaction, draft_id: str, message_id: str | None) -> None:
    """Remember which words a draft became: that is how teams improve their AI."""
    db.execute(update(Draft).where(Draft.message_id == draft_id).values(sent_as=message_id))


def expire(db: Transaction, session_id: str, now: int) -> None:
    """Something public was said after them, or the session left the copilot."""
    _EXPIRE.later(db, {"session": session_id, "state": "expired", "ended_at": now})
