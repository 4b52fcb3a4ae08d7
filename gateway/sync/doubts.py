"""Doubts: conversations that changed after they were read are read again, the newest first.

What they show goes the way of every report: the same facts, fold and transaction.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

import structlog

from gateway.clock import to_micros
from gateway.conversations.facts import name_of
from gateway.conversations.record import Outcome
from gateway.conversations.thread import lock_conversation
from gateway.errors import Again, Never, NotFound
from gateway.events import AssigneeSeen, Fact
from gateway.handover import Thread
from gateway.reconciling import doubts, passes
from gateway.reconciling.doubts import Found, Taken
from gateway.reconciling.passes import MIN_AGE_US
from gateway.store import Transaction
from gateway.sync.pace import Pace
from gateway.sync.pauses import LEASE_US, Pauses
from gateway.sync.reading import DEADLINE_S, Reader, observe
from gateway.wiring import Parts

log = structlog.get_logger(__name__)


class Doubts:
    """Reads the conversations in doubt: of every channel in turn, and the newest first in each."""

    kind = "doubts"
    threads = 4

    def __init__(
        self, parts: Parts, reader: Reader, pauses: Pauses, pace: Pace | None = None
    ) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._pauses = pauses
        self._pace = pace

    def due(self, limit: int) -> Sequence[str]:
        """Conversations to read now."""
        room = limit if self._pace is None else min(limit, self._pace.room())
        return self._due(self._now(), room) if room else ()

    def due_within(self, seconds: float) -> bool:
        """True if the pace alone holds it back; for all else the scheduler comes again."""
        paced = self._pace is not None and not self._pace.room()
        return paced and bool(self._due(self._now(), 1))

    def do(self, conversation_id: str) -> None:
        """Read one conversation in doubt and apply what it shows."""
        taken = self._database.write(
            lambda db: doubts.take(db, conversation_id, self._now(), LEASE_US)
        )
        if taken is None:
            return
        if self._pace is not None:
            self._pace.begin()
        try:
            reading = self._reader.read(
                taken.channel, taken.external_id, DEADLINE_S, background=True
            )
        except NotFound:
            self._gone(taken)
            return
        except (Again, Never, KeyError) as trouble:
            self._later(taken, trouble)
            return
        known = (taken.held_since, taken.read_due)

        def apply(db: Transaction) -> set[str]:
            held = lock_conversation(db, conversation_id)
            before = held.thread
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

        self._wake(self._database.write(apply))

    def abandon(self, keys: Sequence[str]) -> None:
        """Who is read again changes nothing."""

    def _due(self, now: int, limit: int) -> list[str]:
        with self._database.read() as db:
            lanes = [
                doubts.due(db, id, now, limit)
                for id, channel in passes.under_way(db)
                if not self._pauses.holds(channel) and not self._rests(channel)
            ]
        return list(in_turns(lanes))[:limit]

    def _rests(self, channel: str) -> bool:
        known = self._parts.channels.get(channel)
        return known is not None and known.paused is not None

    def _gone(self, taken: Taken) -> None:
        self._reader.gone(taken.conversation_id)
        found = Found(learned={"deleted": 1}, gone=True, effect="it is deleted in the channel")
        self._database.write(lambda db: doubts.settle(db, taken, found, self._now()))

    def _later(self, taken: Taken, trouble: Again | Never | KeyError) -> None:
        wait = self._pauses.after(taken.channel, trouble, taken.tries)
        if wait.tried:
            log.warning(
                "doubt_not_read", channel=taken.channel, conversation=taken.external_id,
                error=str(trouble), tries=taken.tries + 1,
            )  # fmt: skip
        due_at = self._now() + int(wait.seconds * 1e6)
        self._database.write(lambda db: doubts.later(db, taken, due_at, tried=wait.tried))

    def _wake(self, owed: set[str]) -> None:
        for kind in sorted(owed):
            self._parts.waker.wake(kind)

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def in_turns(lanes: Sequence[Sequence[str]]) -> Iterator[str]:
    """One of each lane, then the second of each, and so on."""
    for row in itertools.zip_longest(*lanes):
        yield from (key for key in row if key is not None)


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
