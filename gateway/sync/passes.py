"""Passes: what changed in a channel is listed, page by page, and what is in doubt is noted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import structlog

from gateway.channels.base import Changes, Sender
from gateway.conversations.thread import Named
from gateway.inbox import pinned
from gateway.reconciling import doubts, passes
from gateway.reconciling.passes import MIN_AGE_US, Pass
from gateway.store import Transaction
from gateway.sync.lists import Lists
from gateway.sync.pauses import Pauses
from gateway.sync.reading import Reader
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_ABSENCE_S = 60.0
"""Whoever was away for less has missed nothing that is not sent again."""

_ASKED_IN_A_SECOND = 1000
"""Of so many channels at most it is asked whether their time has come, by each process."""
_AT_ONCE = 50
"""Conversations written in one transaction: on SQLite nobody else writes meanwhile."""


class Passes(Lists[Pass, Changes]):
    """Begins a pass over each channel when it is time, walks its list, and ends it."""

    kind = "passes"
    threads = 2

    def __init__(self, parts: Parts, reader: Reader, pauses: Pauses) -> None:
        super().__init__(parts, reader, pauses, passes)
        # Channels whose time had come when that was asked; with thousands of them it is not asked
        # all the time, but at `_ask_at`.
        self._timed: list[str] = []
        self._ask_at = float("-inf")

    def due(self, limit: int) -> Sequence[str]:
        """Channels whose time has come, and passes that can go on."""
        now = self._now()
        with self._database.read() as db:
            begun = passes.due(db, now)
            if (asked_at := self._parts.clock.monotonic()) >= self._ask_at:
                self._timed = self._whose_time_it_is(db, now)
                self._ask_at = asked_at + len(self._parts.channels) // _ASKED_IN_A_SECOND
        return [*begun, *self._timed][:limit]

    def do(self, key: str) -> None:
        """Begin a channel's pass, or go one step on with one that was begun."""
        if key in self._parts.channels:
            self._timed = [channel for channel in self._timed if channel != key]
            self._begin(key, self._parts.channels[key].reconcile_every_s)
        else:
            super().do(key)

    def begin_after_absence(self, now: int, within_s: float = float("inf")) -> bool:
        """A gateway that started at `now` (µs) was away: look at once what it missed meanwhile.

        False if there was no time for all channels; called again, it goes on with the others.
        """
        ends = self._parts.clock.monotonic() + within_s
        with self._database.read() as db:
            away = self._whose_time_it_is(db, now, at_most_s=_ABSENCE_S)
        for channel in away:
            every_s = min(_ABSENCE_S, self._parts.channels[channel].reconcile_every_s)
            self._begin(channel, every_s)
            if self._parts.clock.monotonic() >= ends:
                return channel == away[-1]
        return True

    def _whose_time_it_is(
        self, db: Transaction, now: int, at_most_s: float = float("inf")
    ) -> list[str]:
        latest = passes.latest_of_all(db)
        return [
            name
            for name, channel in self._parts.channels.items()
            if channel.reconcile_every_s > 0
            and channel.paused is None
            and name in latest
            and (
                pinned(db, channel) is not None
                if (last := latest[name]) is None
                else _is_over(last, now, min(channel.reconcile_every_s, at_most_s))
            )
        ]

    def _is_time(self, db: Transaction, channel: str, now: int, every_s: float) -> bool:
        latest = passes.latest(db, channel)
        if latest is None:
            return pinned(db, self._parts.channels[channel]) is not None
        return _is_over(latest, now, every_s)

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

    def _ask(self, sender: Sender, taken: Pass) -> Changes:
        return sender.changes(taken.since, taken.until, taken.cursor)

    def _keep(self, taken: Pass, page: Changes) -> None:
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
            # What has only just happened is no drift: its notification may be on its way.
            missed = sum(one.as_of <= now - MIN_AGE_US for one in different)
            passes.walked(
                db, taken, page.next,
                found=len(changed), people=missed, marks=marks, now=now,
            )  # fmt: skip

        self._database.write(walk)

    def _doubt(
        self, taken: Pass, changed: dict[Named, int], gone: Sequence[Named], now: int
    ) -> None:
        def keep(db: Transaction) -> None:
            doubted = doubts.doubt(
                db, taken.id, changed, now=now, min_age_us=MIN_AGE_US
            ) + doubts.doubt_gone(db, taken.id, gone, now)
            if doubted:
                passes.count_doubted(db, taken.id, doubted)

        self._database.write(keep)

    def _tell_wait(self, taken: Pass, why: str, seconds: float) -> None:
        log.warning("reconciling_waits", channel=taken.channel, error=why, seconds=seconds)

    def _tell_end(self, taken: Pass) -> None:
        log.info("reconciling_ended", channel=taken.channel, reconciliation=taken.id)


def _is_over(latest: tuple[int, int | None], now: int, every_s: float) -> bool:
    """True if a pass that began and ended then is so long ago that the next one is due."""
    began_at, ended_at = latest
    return ended_at is not None and began_at + int(every_s * 1e6) <= now
