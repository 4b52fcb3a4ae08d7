"""Upkeep: what time itself asks for: sessions that went quiet, answers nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, or_, select

from gateway import audit, feed
from gateway.clock import to_micros
from gateway.conversations import doors
from gateway.conversations.thread import lock_session
from gateway.events import SYSTEM
from gateway.people import waiting
from gateway.reconciling import passes
from gateway.store import Transaction
from gateway.store.models import ChatSession, IdempotentAnswer, TurnRow
from gateway.subscribers import book, deliveries
from gateway.wiring import Parts

IDLE = "nobody has said anything for a long time"
_DAY_US = 24 * 3_600_000_000
_REMEMBERED_US = _DAY_US
_PASSES_KEPT_US = 90 * _DAY_US
_FORGOTTEN_AT_ONCE = 500

_ASKING = exists().where(
    TurnRow.session_id == ChatSession.id, TurnRow.state.in_(("due", "asking", "waiting"))
)


class Upkeep:
    """Finishes idle sessions and forgets old answers to repeated calls."""

    kind = "idle"
    threads = 2

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database

    def due(self, limit: int) -> Sequence[str]:
        """Sessions that have been quiet for longer than their agent's idle timeout.

        Nobody's is finished who waits, for people or for an answer of the AI's; nor is one that was
        imported and has not come to life since.
        """
        now = self._now()
        quiet = [
            (ChatSession.agent == agent.name)
            & (ChatSession.mode == mode)
            & (ChatSession.last_message_at < (quiet_since := now - _us(agent.idle_after_s(mode))))
            & (func.coalesce(ChatSession.counts_from, 0) < quiet_since)
            for agent in self._parts.agents.values()
            for mode in ("ai", "human", "copilot")
            if agent.idle_after_s(mode) > 0
        ]
        if not quiet:
            return []
        with self._database.read() as db:
            rows = db.execute(
                select(ChatSession.id)
                .where(
                    ChatSession.status == "active",
                    ChatSession.asleep.is_(False),
                    ChatSession.wait_step.is_(None),
                    or_(*quiet),
                    or_(ChatSession.mode != "ai", ~_ASKING),
                )
                .limit(limit)
            )
            return [row.id for row in rows]

    def due_within(self, seconds: float) -> bool:
        """Idleness is not urgent: the scheduler comes again."""
        return False

    def do(self, session_id: str) -> None:
        """Finish one session, if nobody has spoken meanwhile."""
        for kind in sorted(self._database.write(lambda db: self._finish(db, session_id))):
            self._parts.waker.wake(kind)

    def abandon(self, keys: Sequence[str]) -> None:
        """What is not finished stays due."""

    def forget(self) -> None:
        """Drop what is kept for a while: answers to repeated calls for a day, mails to operators
        for 30 days, passes for 90, audit, events and unsent files for as long as the settings
        say."""
        now = self._now()
        days = self._parts.settings.audit.keep_days

        def drop(db: Transaction) -> None:
            old = IdempotentAnswer.created_at < now - _REMEMBERED_US
            db.execute(delete(IdempotentAnswer).where(old))
            passes.forget(db, now - _PASSES_KEPT_US)
            if days:
                audit.forget(db, now - days * _DAY_US)
            waiting.forget(db, now)

        self._database.write(drop)
        self._forget_events(now)
        self._parts.files.sweep()

    def _forget_events(self, now: int) -> None:
        """Forget events that are old and that no subscriber still needs, some at a time."""
        until = now - int(self._parts.settings.events.keep_days * _DAY_US)
        names = list(self._parts.subscribers)

        feed.forget(self._database, until, lambda db: book.needed_from(db, names))
        self._database.write(lambda db: deliveries.bury(db, now))
        while (
            self._database.write(lambda db: deliveries.forget(db, until, _FORGOTTEN_AT_ONCE))
            == _FORGOTTEN_AT_ONCE
        ):
            pass

    def _finish(self, db: Transaction, session_id: str) -> set[str]:
        held, row = lock_session(db, session_id)
        terms = self._parts.terms[row.channel]
        now = self._now()
        after_s = terms.agent.idle_after_s(row.mode)
        quiet = max(row.last_message_at or now, row.counts_from or 0) < now - _us(after_s)
        waits = row.wait_step is not None
        if row.status != "active" or row.asleep or waits or after_s <= 0 or not quiet:
            return set()
        owed = select(_ASKING).where(ChatSession.id == session_id)
        if row.mode == "ai" and db.scalar(owed):
            return set()
        return doors.end(db, terms, held, session_id, by=SYSTEM, reason=IDLE, now=now).owed

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def _us(seconds: float) -> int:
    return int(seconds * 1e6)
