"""Doubts: conversations that changed after they were read are read again, the newest first.

What they show goes the way of every report: the same facts, fold and transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import structlog

from gateway.conversations.facts import name_of
from gateway.conversations.record import Outcome
from gateway.conversations.thread import lock_conversation
from gateway.events import AssigneeSeen, Fact
from gateway.handover import Thread
from gateway.reconciling import doubts, passes
from gateway.reconciling.doubts import Found, Taken
from gateway.reconciling.passes import MIN_AGE_US
from gateway.store import Transaction
from gateway.sync.background import Background, Trouble
from gateway.sync.pauses import LEASE_US
from gateway.sync.reading import Reading, observe

log = structlog.get_logger(__name__)


class Doubts(Background[Taken]):
    """Reads the conversations in doubt, the newest first in each channel; keys are our ids."""

    kind = "doubts"

    def _lanes(self, db: Transaction, limit: int) -> Sequence[Sequence[str]]:
        now = self._now()
        return [
            doubts.due(db, id, now, limit)
            for id, channel in passes.in_doubt(db, now)
            if not self._pauses.holds(channel) and not self._rests(channel)
        ]

    def _take(self, db: Transaction, key: str) -> Taken | None:
        return doubts.take(db, key, self._now(), LEASE_US)

    def _keep(self, db: Transaction, taken: Taken, reading: Reading) -> set[str]:
        held = lock_conversation(db, taken.conversation_id)
        before = held.thread
        known = (taken.held_since, taken.read_due)
        outcome = observe(self._parts.inbox, db, held, reading, known)
        found = _found(before, held.thread, outcome, self._now())
        found.lost = reading.snapshot.lost
        doubts.settle(db, taken, found, self._now())
        if found.learned:
            log.info(
                "conversation_repaired", channel=taken.channel,
                conversation=taken.external_id, learned=found.learned, effect=found.effect,
            )  # fmt: skip
        return outcome.owed

    def _rests(self, channel: str) -> bool:
        known = self._parts.channels.get(channel)
        return known is not None and known.paused is not None

    def _gone(self, taken: Taken) -> None:
        self._reader.gone(taken.conversation_id)
        found = Found(learned={"deleted": 1}, gone=True, effect="it is deleted in the channel")
        self._database.write(lambda db: doubts.settle(db, taken, found, self._now()))

    def _put_off(self, taken: Taken, due_at: int, trouble: Trouble, *, tried: bool) -> None:
        if tried:
            log.warning(
                "doubt_not_read", channel=taken.channel, conversation=taken.external_id,
                error=str(trouble), tries=taken.tries + 1,
            )  # fmt: skip
        self._database.write(lambda db: doubts.later(db, taken, due_at, tried=tried))


def _found(before: Thread, after: Thread, outcome: Outcome, now: int) -> Found:
    """What no report had told, and what came of it. What has only just happened is no drift."""
    old = now - MIN_AGE_US
    missed = [fact for fact in outcome.learned if fact.happened_at <= old]
    learned = Counter(name_of(fact) for fact in missed if not isinstance(fact, AssigneeSeen))
    if before.assignee != after.assignee and _only_seen(missed):
        learned["assignee"] += 1
    return Found(
        learned=learned,
        session_id=outcome.session.id if outcome.session and learned else None,
        effect=_effect(before, after, outcome) if learned else None,
    )


def _only_seen(missed: Sequence[Fact]) -> bool:
    """True if who holds it was learnt from its state, not from an assignment."""
    seen = any(isinstance(fact, AssigneeSeen) for fact in missed)
    return seen and not any(name_of(fact) == "assigned" for fact in missed)


def _effect(before: Thread, after: Thread, outcome: Outcome) -> str | None:
    effects = []
    if before.state != after.state:
        effects.append(f"{before.state} → {after.state}")
    if outcome.found_late:
        effects.append("handed over (found late)")
    elif "turns" in outcome.owed:
        effects.append("the AI was asked for an answer")
    return "; ".join(effects) or None
