"""What waits in each channel, and since when: questions to the AI, pushes, people, readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from gateway.reading.cursors import to_time
from gateway.store import Transaction
from gateway.store.models import ChatSession, Conversation, Doubt, Push, TurnRow
from gateway.store.sql import literals


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many things wait, and since when the oldest of them does (ISO 8601)."""

    many: int = 0
    since: str | None = None


# Words of ours, so that planners know the partial indexes by them.
_QUERIES: Mapping[str, Select[*tuple[Any, ...]]] = {
    "turns": select(ChatSession.channel, func.count(), func.min(TurnRow.owed_at))
    .join(ChatSession, ChatSession.id == TurnRow.session_id)
    .where(TurnRow.state.in_(literals("due", "asking", "waiting")))
    .group_by(ChatSession.channel),
    "pushes": select(Conversation.channel, func.count(), func.min(Push.owed_at))
    .join(Conversation, Conversation.id == Push.conversation_id)
    .where(Push.state.in_(literals("owed", "sending", "unknown")))
    .group_by(Conversation.channel),
    "people": select(ChatSession.channel, func.count(), func.min(ChatSession.wait_since))
    .where(ChatSession.status.in_(literals("active")), ChatSession.wait_step.is_not(None))
    .group_by(ChatSession.channel),
    "readings": select(Conversation.channel, func.count(), func.min(Doubt.doubted_at))
    .join(Conversation, Conversation.id == Doubt.conversation_id)
    .group_by(Conversation.channel),
}
WHAT: tuple[str, ...] = tuple(_QUERIES)


def find_waiting(
    db: Transaction, channel_names: Mapping[str, Any]
) -> dict[str, dict[str, Waiting]]:
    """What waits in these channels, by one of `WHAT`; one statement for each of those."""
    found = {name: {what: Waiting() for what in WHAT} for name in channel_names}
    for what, query in _QUERIES.items():
        for channel, many, since in db.execute(query):
            if channel in found:
                found[channel][what] = Waiting(many=many, since=to_time(since))
    return found
