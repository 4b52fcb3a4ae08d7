"""Reconcile: what changed in a channel is compared with what was read from it, and read again.

`Passes` walks a channel's list of changes page by page and keeps the doubts it finds; `Doubts`
reads the conversations in doubt, the newest first. What they show goes the way of every report:
the same facts, fold and transaction. Nothing of it is held in a process, so it may be killed at
any moment; a page or a conversation is then simply done again.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

import structlog

from gateway.channels.base import Changes
from gateway.clock import Clock, to_micros
from gateway.conversations import doubts, passes
from gateway.conversations.doubts import Found, Taken
from gateway.conversations.facts import name_of
from gateway.conversations.passes import Pass
from gateway.conversations.record import Outcome
from gateway.conversations.thread import Named, lock_conversation
from gateway.errors import Again, Never, NotFound
from gateway.events import AssigneeSeen, Fact
from gateway.handover import Thread
from gateway.inbox import pinned
from gateway.store import Transaction
from gateway.sync.reading import DEADLINE_S, Reader, observe
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

MIN_AGE_S = 90.0
"""Intercom sends a notification again after a minute and then forgets it: what is younger than
this may still be on its way."""

_ABSENCE_S = 60.0
"""Whoever was away for less has missed nothing that is not sent again."""

_LEASE_US = 60_000_000
_AFTER_TROUBLE_S = 30.0
_AFTER_REFUSAL_S = 300.0
_LONGEST_PAUSE_S = 3600.0
_AT_ONCE = 50
"""Conversations written in one transaction: on SQLite nobody else writes meanwhile."""


class Pauses:
    """Channels that shall be left alone for a while, by this process. Safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def pause(self, channel: str, seconds: float) -> None:
        """Leave `channel` alone for so long."""
        self._until[channel] = self._clock.monotonic() + seconds

    def holds(self, channel: str) -> bool:
        """True while `channel` is to be left alone."""
        return self._until.get(channel, 0.0) > self._clock.monotonic()


class Passes:
    """Begins a pass over each channel when it is time, walks its list, and ends it."""

    kind = "passes"
    threads = 2

    def __init__(self, parts: Parts, reader: Reader, pauses: Pauses) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._pauses = pauses

    def due(self, limit: int) -> Sequence[str]:
        """Channels whose time has come, and passes that can go on."""
        now = self._now()
        with self._database.read() as db:
            begun = passes.due(db, now)
            timed = [
                channel
                for channel, terms in self._parts.channels.items()
                if (every_s := terms.reconcile_every_s) > 0
                and self._is_time(db, channel, now, every_s)
            ]
        return [*begun, *timed][:limit]

    def due_within(self, seconds: float) -> bool:
        """Nobody waits for a pass: the scheduler comes again."""
        return False

    def do(self, key: str) -> None:
        """Begin a channel's pass, or go one step on with one that was begun."""
        if key in self._parts.channels:
            self._begin(key, self._parts.channels[key].reconcile_every_s)
            return
        taken = self._database.write(lambda db: passes.take(db, key, self._now(), _LEASE_US))
        if taken is None:
            return
        if taken.listed_at is not None:
            self._end(taken)
            return
        try:
            page = self._reader.sender(taken.channel).changes(
                taken.since, taken.until, taken.cursor
            )
        except (Again, Never, KeyError) as trouble:
            self._wait(taken, trouble)
            return
        self._take_in(taken, page)

    def abandon(self, keys: Sequence[str]) -> None:
        """A page that is not taken in is walked again."""

    def _is_time(self, db: Transaction, channel: str, now: int, every_s: float) -> bool:
        latest = passes.latest(db, channel)
        if latest is None:
            return pinned(db, self._parts.channels[channel]) is not None
        began_at, ended_at = latest
        return ended_at is not None and began_at + int(every_s * 1e6) <= now

    def begin_after_absence(self) -> None:
        """A gateway that starts was away: look at once what it missed, whatever the clock says."""
        for channel, terms in self._parts.channels.items():
            if terms.reconcile_every_s > 0:
                self._begin(channel, every_s=min(_ABSENCE_S, terms.reconcile_every_s))

    def _begin(self, channel: str, every_s: float) -> None:
        now = self._now()

        def begin(db: Transaction) -> str | None:
            home = pinned(db, self._parts.channels[channel])
            if home is None or not self._is_time(db, channel, now, every_s):
                return None
            return passes.begin(db, home, asked_by="clock", now=now)

        id = self._database.write(begin)
        if id is not None:
            log.info("reconciling_began", channel=channel, reconciliation=id)

    def _take_in(self, taken: Pass, page: Changes) -> None:
        """Keep the doubts of one page in short transactions, and then how far it was walked."""
        now = self._now()
        changed = {
            Named(taken.installation_id, one.id, taken.channel): one.updated_at
            for one in page.conversations
        }
        gone = [Named(taken.installation_id, id, taken.channel) for id in page.gone]
        for start in range(0, len(changed), _AT_ONCE):
            some = itertools.islice(changed.items(), start, start + _AT_ONCE)
            self._doubt(taken, dict(some), (), now)
        if gone:
            self._doubt(taken, {}, gone, now)
        marks = Counter(mark for one in page.conversations for mark in one.marks)

        def walk(db: Transaction) -> None:
            different = self._parts.inbox.meet_customers(db, taken.installation_id, page.people)
            passes.walked(
                db, taken, page.next,
                found=len(changed), people=different, marks=marks, now=now,
            )  # fmt: skip

        self._database.write(walk)

    def _doubt(
        self, taken: Pass, changed: dict[Named, int], gone: Sequence[Named], now: int
    ) -> None:
        def keep(db: Transaction) -> None:
            doubted = doubts.doubt(
                db, taken.id, changed, now=now, min_age_us=int(MIN_AGE_S * 1e6)
            ) + doubts.doubt_gone(db, taken.id, gone, now)
            if doubted:
                passes.count_doubted(db, taken.id, doubted)

        self._database.write(keep)

    def _wait(self, taken: Pass, trouble: Again | Never | KeyError) -> None:
        if isinstance(trouble, KeyError):
            pause_s, words = _AFTER_REFUSAL_S, "its channel is not configured"
        elif isinstance(trouble, Never):
            pause_s, words = _AFTER_REFUSAL_S, trouble.message
        else:
            pause_s, words = trouble.after_s or _AFTER_TROUBLE_S, trouble.message
            self._pauses.pause(taken.channel, pause_s)
        log.warning("reconciling_waits", channel=taken.channel, error=words, seconds=pause_s)
        until = self._now() + int(pause_s * 1e6)
        self._database.write(lambda db: passes.waits(db, taken.id, until, words))

    def _end(self, taken: Pass) -> None:
        now = self._now()
        if self._database.write(lambda db: passes.end(db, taken.id, now)):
            log.info("reconciling_ended", channel=taken.channel, reconciliation=taken.id)
        else:
            self._database.write(lambda db: passes.waits(db, taken.id, now, None))

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


class Doubts:
    """Reads the conversations in doubt: of every channel in turn, and the newest first in each."""

    kind = "doubts"
    threads = 4

    def __init__(self, parts: Parts, reader: Reader, pauses: Pauses) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._pauses = pauses

    def due(self, limit: int) -> Sequence[str]:
        """Conversations to read now."""
        return self._due(self._now(), limit)

    def due_within(self, seconds: float) -> bool:
        """Nobody waits for it that much: the scheduler comes again."""
        return False

    def do(self, conversation_id: str) -> None:
        """Read one conversation in doubt and apply what it shows."""
        taken = self._database.write(
            lambda db: doubts.take(db, conversation_id, self._now(), _LEASE_US)
        )
        if taken is None:
            return
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
                if not self._pauses.holds(channel)
            ]
        return list(_in_turns(lanes))[:limit]

    def _gone(self, taken: Taken) -> None:
        self._reader.gone(taken.conversation_id)
        found = Found(learned={"deleted": 1}, gone=True, effect="it is deleted in the channel")
        self._database.write(lambda db: doubts.settle(db, taken, found, self._now()))

    def _later(self, taken: Taken, trouble: Again | Never | KeyError) -> None:
        wished = getattr(trouble, "after_s", None)
        if wished is not None:  # the budget of calls is used up: that is no try
            self._pauses.pause(taken.channel, wished)
            pause_s = wished
        else:
            pause_s = min(2.0 ** (taken.tries + 1), _LONGEST_PAUSE_S)
            log.warning(
                "doubt_not_read", channel=taken.channel, conversation=taken.external_id,
                error=str(trouble), tries=taken.tries + 1,
            )  # fmt: skip
        due_at = self._now() + int(pause_s * 1e6)
        self._database.write(lambda db: doubts.later(db, taken, due_at, tried=wished is None))

    def _wake(self, owed: set[str]) -> None:
        for kind in sorted(owed):
            self._parts.waker.wake(kind)

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def _in_turns(lanes: Sequence[Sequence[str]]) -> Iterator[str]:
    """One of each lane, then the second of each, and so on."""
    for row in itertools.zip_longest(*lanes):
        yield from (key for key in row if key is not None)


def _found(before: Thread, after: Thread, outcome: Outcome, now: int) -> Found:
    """What no report had told, and what came of it. What has only just happened is no drift."""
    old = now - int(MIN_AGE_S * 1e6)
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
