"""Bodies of deliveries: cleaned of words that were taken back, or forgotten altogether."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import structlog
from sqlalchemy import ColumnElement, select, update

from gateway.channels.base import Channel
from gateway.conversations.thread import Held, lock_conversation
from gateway.errors import Unreadable
from gateway.store import Transaction
from gateway.store.models import Contact, Conversation, InboxDelivery, Installation, Message

log = structlog.get_logger(__name__)

AT_ONCE = 50
"""So many bodies are cleaned in one transaction."""


def keep_clean(
    db: Transaction, channel: Channel, delivery_id: str, body: bytes, held: Held, now: int
) -> None:
    """A delivery has just been kept: if words of its conversation were taken back or forgotten
    before, its body loses them, too."""
    if held.forgotten_at is None and held.redacted_at is None:
        return
    clean = b""
    if held.contact_id is None or not _is_erased(db, held.contact_id):
        clean = _without_words(channel, body, _redacted(db, held.id), held.forgotten_at or 0)
    if clean != body:
        _write(db, delivery_id, clean, now)


def forget_of_erased(db: Transaction, delivery_id: str, contact_id: str, now: int) -> None:
    """A delivery tells of a contact and no conversation: of an erased one nothing of it is kept."""
    if _is_erased(db, contact_id):
        _write(db, delivery_id, b"", now)


def due(db: Transaction, now: int, limit: int) -> list[str]:
    """Conversations whose deliveries hold words that were taken back since."""
    rows = db.scalars(
        select(Conversation.id)
        .where(Conversation.clean_due <= now)
        .order_by(Conversation.clean_due)
        .limit(limit)
    )
    return list(rows)


def clean(
    db: Transaction, channel: Channel | None, conversation_id: str, after: str, now: int
) -> str | None:
    """Clean some of a conversation's deliveries; return where to go on, None at the end.

    Of a channel that is not configured any more nobody can read them: they go altogether.
    """
    held = lock_conversation(db, conversation_id)
    redacted = _redacted(db, held.id)
    rows = db.execute(
        select(InboxDelivery.id, InboxDelivery.body)
        .where(*of_conversation(db, held), InboxDelivery.id > after)
        .order_by(InboxDelivery.id)
        .limit(AT_ONCE)
    ).all()
    for row in rows:
        body = row.body
        kept = b""
        if channel is not None:
            kept = _without_words(channel, body, redacted, held.forgotten_at or 0)
        if kept != body:
            _write(db, row.id, kept, now)
    if len(rows) == AT_ONCE:
        return str(rows[-1].id)
    db.execute(update(Conversation).where(Conversation.id == held.id).values(clean_due=None))
    return None


def of_conversation(db: Transaction, held: Held) -> Sequence[ColumnElement[bool]]:
    """Which deliveries that still have a body are about a conversation."""
    workspace = select(Installation.external_id).where(Installation.id == held.installation_id)
    return (
        InboxDelivery.conversation == held.external_id,
        InboxDelivery.channel == held.channel,
        InboxDelivery.installation == workspace.scalar_subquery(),
        InboxDelivery.forgotten_at.is_(None),
    )


def forget_bodies(db: Transaction, which: Sequence[ColumnElement[bool]], now: int) -> int:
    """Forget the bodies of deliveries; return how many those were."""
    done: Any = db.execute(update(InboxDelivery).where(*which).values(body=b"", forgotten_at=now))
    return int(done.rowcount)


def _write(db: Transaction, delivery_id: str, body: bytes, now: int) -> None:
    values: dict[str, Any] = {"body": body} if body else {"body": b"", "forgotten_at": now}
    db.execute(update(InboxDelivery).where(InboxDelivery.id == delivery_id).values(values))


def _without_words(channel: Channel, body: bytes, messages: Collection[str], before: int) -> bytes:
    try:
        return channel.receiver.without_words(body, messages, before)
    except Unreadable as error:  # what cannot be read cannot be cleaned
        log.warning("delivery_forgotten", channel=channel.name, error=error.message)
        return b""


def _redacted(db: Transaction, conversation_id: str) -> set[str]:
    ids = db.scalars(
        select(Message.external_id).where(
            Message.conversation_id == conversation_id,
            Message.redacted.is_(True),
            Message.external_id.is_not(None),
        )
    )
    return {str(one) for one in ids}


def _is_erased(db: Transaction, contact_id: str) -> bool:
    erased = select(Contact.id).where(Contact.id == contact_id, Contact.erased_at.is_not(None))
    return db.scalar(erased) is not None
