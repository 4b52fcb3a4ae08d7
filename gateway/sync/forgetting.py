"""Forgetting: erasures that go on, bodies to be cleaned, and what the settings keep no longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import select

from gateway.channels.base import Channel
from gateway.clock import to_micros
from gateway.inbox import cleaning
from gateway.privacy import retention
from gateway.privacy.erasing import Erasing
from gateway.store import Transaction
from gateway.store.models import ChatSession, Conversation
from gateway.wiring import Parts

_DAY_US = 24 * 3_600_000_000


class Forgetting:
    """Does what is to be forgotten, in small transactions; none of it is urgent."""

    kind = "forgetting"
    threads = 1

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database
        self._erasing = Erasing(parts)
        self._bodies = retention.Bodies(parts.database)

    def due(self, limit: int) -> Sequence[str]:
        """What is to be forgotten: `what:of`."""
        now = self._now()
        found = [f"erasure:{one}" for one in self._erasing.open(limit)]
        with self._database.read() as db:
            found += [f"deliveries:{one}" for one in cleaning.due(db, now, limit)]
            for name, channel in self._parts.channels.items():
                if channel.retention_days:
                    over = now - int(channel.retention_days * _DAY_US)
                    sessions = retention.sessions_over(db, name, over, limit)
                    found += [f"session:{one}" for one in sessions]
        for name, channel in self._with_bodies().items():
            if channel.payload_days:
                over = now - int(channel.payload_days * _DAY_US)
                if self._bodies.due(name, over):
                    found.append(f"bodies:{name}")
        return found[:limit]

    def due_within(self, seconds: float) -> bool:
        """The scheduler comes again."""
        return False

    def do(self, key: str) -> None:
        """Do one piece."""
        what, _, of = key.partition(":")
        match what:
            case "erasure":
                self._erasing.finish(of)
            case "deliveries":
                self._clean(of)
            case "session":
                self._forget_session(of)
            case _:
                over = self._now() - int(self._with_bodies()[of].payload_days * _DAY_US)
                self._bodies.forget(of, over, self._now())

    def abandon(self, keys: Sequence[str]) -> None:
        """What is not done stays due."""

    def _clean(self, conversation_id: str) -> None:
        after: str | None = ""
        while after is not None:
            after = self._database.write(partial(self._clean_some, conversation_id, after))

    def _clean_some(self, conversation_id: str, after: str, db: Transaction) -> str | None:
        name = db.scalar(select(Conversation.channel).where(Conversation.id == conversation_id))
        channel = self._parts.channels.get(name or "")
        return cleaning.clean(db, channel, conversation_id, after, self._now())

    def _forget_session(self, session_id: str) -> None:
        now = self._now()
        with self._database.read() as db:
            name = db.scalar(select(ChatSession.channel).where(ChatSession.id == session_id))
        channel = self._parts.channels.get(name or "")
        if channel is not None and channel.retention_days:
            over = now - int(channel.retention_days * _DAY_US)
            self._database.write(lambda db: retention.forget_session(db, session_id, over, now))

    def _with_bodies(self) -> Mapping[str, Channel]:
        """Channels, and an app's door: what strangers sent there lies under its name."""
        return {**self._parts.doors, **self._parts.channels}

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())
