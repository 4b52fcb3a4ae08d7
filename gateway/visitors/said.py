"""What a visitor said, as they see it themselves."""

from __future__ import annotations

from sqlalchemy import select

from gateway.channels.webwidget.backend import Json, Visitor
from gateway.channels.webwidget.translate import PREFIX
from gateway.clock import to_time
from gateway.store import Transaction
from gateway.store.models import UNPLACED, Conversation, Message


def find(db: Transaction, visitor: Visitor, external_id: str) -> Json | None:
    """A message of the visitor's own, by the name that the channel gave it; None if none is."""
    row = db.execute(
        select(Message.id, Message.text, Message.attachments, Message.at, Message.author_name)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.channel == visitor.channel,
            Conversation.external_id == visitor.id,
            Message.external_id == external_id,
            Message.kind == "message",
            Message.author_kind == "customer",
        )
    ).one_or_none()
    if row is None:
        return None
    return {
        "id": row.id,
        "client_id": external_id.removeprefix(PREFIX),
        "kind": "message",
        "author": {"kind": "customer", "name": row.author_name, "avatar_url": None},
        "text": row.text,
        "content": [row.text] if row.text else [],
        "attachments": row.attachments,
        "state": "received",
        "occurred_at": to_time(row.at % UNPLACED),
        "marker": None,
    }
