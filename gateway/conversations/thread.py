"""One conversation under its lock: found or opened, read, and written back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from gateway.errors import NotFound
from gateway.handover import Thread
from gateway.store import new_id
from gateway.store.models import ChatSession, Conversation
from gateway.store.sql import Prepared, locked, table_of

_decoder = msgspec.json.Decoder(Thread)

_CONVERSATIONS = table_of(Conversation)
_COLUMNS = (
    _CONVERSATIONS.c.id,
    _CONVERSATIONS.c.installation_id,
    _CONVERSATIONS.c.channel,
    _CONVERSATIONS.c.external_id,
    _CONVERSATIONS.c.contact_id,
    _CONVERSATIONS.c.thread,
    _CONVERSATIONS.c.held_since,
    _CONVERSATIONS.c.contact_at,
)
_BY_EXTERNAL_ID = Prepared(
    lambda sql: sql.locked(
        select(*_COLUMNS).where(
            _CONVERSATIONS.c.installation_id == bindparam("installation"),
            _CONVERSATIONS.c.external_id == bindparam("external"),
        )
    )
)
_BY_ID = Prepared(
    lambda sql: sql.locked(select(*_COLUMNS).where(_CONVERSATIONS.c.id == bindparam("key")))
)
_OPEN = Prepared(lambda sql: sql.insert(_CONVERSATIONS).on_conflict_do_nothing())
_WRITE = Prepared(lambda _: update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == bindparam("key")))


@dataclass(slots=True, kw_only=True)
class Held:
    """A conversation whose row this transaction has locked, and its state before the change."""

    id: str
    installation_id: str
    channel: str
    external_id: str
    contact_id: str | None
    thread: Thread
    held_since: int | None
    contact_at: int


def open_conversation(
    db: Session, *, installation_id: str, channel: str, external_id: str, now: int
) -> Held:
    """Lock the conversation that a channel calls `external_id`, making it on its first mention."""
    named = {"installation": installation_id, "external": external_id}
    row = db.execute(_BY_EXTERNAL_ID.on(db), named).one_or_none()
    if row is None:
        first = {
            "id": new_id("cnv"),
            "installation_id": installation_id,
            "channel": channel,
            "external_id": external_id,
            "thread": "{}",
            "contact_at": 0,
            "read_attempts": 0,
            "created_at": now,
        }
        db.execute(_OPEN.on(db), first)
        row = db.execute(_BY_EXTERNAL_ID.on(db), named).one()
    return _held(row)


def lock_conversation(db: Session, conversation_id: str) -> Held:
    """Lock a conversation by our own id; raise NotFound."""
    row = db.execute(_BY_ID.on(db), {"key": conversation_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such conversation")
    return _held(row)


def lock_session(db: Session, session_id: str) -> tuple[Held, Row[*tuple[Any, ...]]]:
    """Lock a session's conversation, then the session; raise NotFound."""
    conversation_id = db.scalar(
        select(ChatSession.conversation_id).where(ChatSession.id == session_id)
    )
    if conversation_id is None:
        raise NotFound("there is no such session")
    held = lock_conversation(db, conversation_id)
    columns = ChatSession.__table__.columns
    row = db.execute(locked(db, select(*columns).where(ChatSession.id == session_id))).one()
    return held, row


def write_thread(
    db: Session, held: Held, thread: Thread, *, contact_id: str | None, told_at: int
) -> None:
    """Write the fold's state back, and whose conversation it is as of the latest report."""
    values: dict[str, object] = {"key": held.id, "thread": msgspec.json.encode(thread).decode()}
    if contact_id and told_at >= held.contact_at:
        if contact_id != held.contact_id:
            values["contact_id"] = contact_id
        values["contact_at"] = held.contact_at = told_at
    db.execute(_WRITE.on(db), values)
    held.thread = thread


def end_hold(db: Session, held: Held) -> None:
    """The conversation has been read: the AI may speak again, and no read is due."""
    ended = {"key": held.id, "held_since": None, "read_due": None, "read_attempts": 0}
    db.execute(_WRITE.on(db), ended)
    held.held_since = None


def _held(row: Row[*tuple[Any, ...]]) -> Held:
    return Held(
        id=row[0],
        installation_id=row[1],
        channel=row[2],
        external_id=row[3],
        contact_id=row[4],
        thread=_decoder.decode(row[5]),
        held_since=row[6],
        contact_at=row[7],
    )
