"""What other systems keep of a person, which nothing here erases: named, with the way there."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from gateway.channels.base import Channel
from gateway.privacy.person import Person
from gateway.reading.sessions import Json
from gateway.store import Transaction
from gateway.store.models import Conversation, Installation

MOST = 1_000
"""So many conversations are named."""


def records_elsewhere(
    db: Transaction, channels: Mapping[str, Channel], person: Person
) -> list[Json]:
    """The contacts and conversations that channels with a record of their own have of them."""
    found: list[Json] = [
        {"channel": one.channel, "kind": "contact", "id": one.id, "url": None}
        for one in person.identities
        if _keeps(channels.get(one.channel))
    ]
    rows = db.execute(
        select(Conversation.channel, Conversation.external_id, Installation.external_id)
        .join(Installation, Installation.id == Conversation.installation_id)
        .where(Conversation.contact_id.in_(person.members))
        .order_by(Conversation.id)
        .limit(MOST)
    )
    for name, conversation, workspace in rows:
        channel = channels.get(name)
        if _keeps(channel):
            url = channel.in_tool(workspace, conversation) if channel else ""
            found.append(
                {"channel": name, "kind": "conversation", "id": conversation, "url": url or None}
            )
    return found


def _keeps(channel: Channel | None) -> bool:
    """Whether a channel has a record of its own; of one that is gone nobody knows."""
    return channel is None or channel.remote
