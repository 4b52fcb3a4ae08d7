"""One conversation under its lock: found or opened, read, and written back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from gateway.errors import NotFound
from gateway.handover import Thread
from gateway.store import new_id
from gateway.store.models import ChatSession, Conversation
from gateway.store.sql import insert_into, locked

_decoder = msgspec.json.Decoder(Thread)

_COLUMNS = (
    Conversation.id,
    Conversation.installation_id,
    Conversation.channel,
    Conversation.external_id,
    Conversation.contact_id,
    Conversation.thread,
    Conversation.held_since,
)


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


def open_conversation(
    db: Session, *, installation_id: str, channel: str, external_id: str, now: int
) -> Held:
    """Lock the conversation that a channel calls `external_id`, making it on its first mention."""
    query = select(*_COLUMNS).where(
        Conversation.installation_id == installation_id, Conversation.external_id == external_id
    )
    row = db.execute(locked(db, query)).one_or_none()
    if row is None:
        db.execute(
            insert_into(db, Conversation)
            .values(
                id=new_id("cnv"),
                installation_id=installation_id,
                channel=channel,
                external_id=external_id,
                created_at=now,
            )
            .on_conflict_do_nothing()
        )
        row = db.execute(locked(db, query)).one()
    return _held(row)


def lock_conversation(db: Session, conversation_id: str) -> Held:
    """Lock a conversation by our own id; raise NotFound."""
    query = select(*_COLUMNS).where(Conversation.id == conversation_id)
    row = db.execute(locked(db, query)).one_or_none()
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


def write_thread(db: Session, held: Held, thread: Thread, *, contact_id: str | None = None) -> None:
    """Write the fold's state back; remember whose conversation it is, once that is known."""
    values: dict[str, object] = {"thread": msgspec.json.encode(thread).decode()}
    if contact_id and contact_id != held.contact_id:
        values["contact_id"] = contact_id
    db.execute(update(Conversation).where(Conversation.id == held.id).values(values))
    held.thread = thread


def _held(row: Row[str, str, str, str, str | None, str, int | None]) -> Held:
    return Held(
        id=row[0],
        installation_id=row[1],
        channel=row[2],
        external_id=row[3],
        contact_id=row[4],
        thread=_decoder.decode(row[5]),
        held_since=row[6],
    )
