"""Backfills: a channel's past is asked for and listed, page by page, and what is listed is noted.

It is the list that passes walk, and as little of it is held in a process: killed anywhere, it goes
on with the page it had not taken in.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import structlog

from gateway.channels.base import Changes
from gateway.clock import to_micros
from gateway.errors import Again, Never
from gateway.events import ContactSeen
from gateway.reconciling import backfills
from gateway.reconciling.backfills import Walk
from gateway.store import Transaction
from gateway.sync.pauses import LEASE_US, Pauses
from gateway.sync.reading import Reader
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_AFTER_TROUBLE_S = 30.0
_AFTER_REFUSAL_S = 300.0
_AT_ONCE = 20
"""Customers written in one transaction: on SQLite nobody else writes meanwhile."""


class Backfills:
    """Takes each backfill a step on: who it is that the channel speaks for, the list, the end."""

    kind = "backfills"
    threads = 1

    def __init__(self, parts: Parts, reader: Reader, pauses: Pauses) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._pauses = pauses

    def due(self, limit: int) -> Sequence[str]:
        """Backfills that can go a step on."""
        with self._database.read() as db:
            return backfills.due(db, self._now())[:limit]

    def due_within(self, seconds: float) -> bool:
        """Nobody waits for a backfill: the scheduler comes again."""
        return False

    def do(self, id: str) -> None:
        """Go one step on with one."""
        walk = self._database.write(lambda db: backfills.take(db, id, self._now(), LEASE_US))
        if walk is None:
            return
        try:
            if walk.installation_id is None:
                self._open(walk)
            elif walk.listed_at is None:
                self._list(walk, walk.installation_id)
            else:
                self._end(walk)
        except (Again, Never, KeyError) as trouble:
            self._wait(walk, trouble)

    def abandon(self, keys: Sequence[str]) -> None:
        """A page that is not taken in is walked again."""

    def _open(self, walk: Walk) -> None:
        """Ask whose workspace it is, before anything of it was ever heard, and who works there."""
        sender = self._reader.sender(walk.channel)
        name = sender.installation()
        home = self._parts.inbox.enter(walk.channel, name)
        if home is None:
            raise Never(f"its credentials are of another workspace ({name or 'unknown'})")
        staff = sender.directory()
        self._parts.inbox.meet(walk.channel, staff)
        skew_us = int((sender.skew_s() or 0.0) * 1e6)
        self._database.write(
            lambda db: backfills.opened(
                db, walk, home, staff=len(staff), skew_us=skew_us, now=self._now()
            )
        )

    def _list(self, walk: Walk, installation_id: str) -> None:
        sender = self._reader.sender(walk.channel)
        page = sender.changes(walk.list_since, walk.list_until, walk.cursor)
        people = iter(page.people)
        while some := list(itertools.islice(people, _AT_ONCE)):
            self._meet(installation_id, some)
        self._database.write(lambda db: self._note(db, walk, page))

    def _meet(self, installation_id: str, people: Sequence[ContactSeen]) -> None:
        inbox = self._parts.inbox
        self._database.write(lambda db: inbox.meet_customers(db, installation_id, people))

    def _note(self, db: Transaction, walk: Walk, page: Changes) -> None:
        changed = {one.id: one.updated_at for one in page.conversations}
        backfills.listed(
            db, walk, changed, page.next,
            people=len(page.people), total=page.total, now=self._now(),
        )  # fmt: skip

    def _wait(self, walk: Walk, trouble: Again | Never | KeyError) -> None:
        if isinstance(trouble, KeyError):
            pause_s, words = _AFTER_REFUSAL_S, "its channel is not configured"
        elif isinstance(trouble, Never):
            pause_s, words = _AFTER_REFUSAL_S, trouble.message
        else:
            pause_s, words = trouble.after_s or _AFTER_TROUBLE_S, trouble.message
            self._pauses.pause(walk.channel, pause_s)
        log.warning("backfill_waits", channel=walk.channel, error=words, seconds=pause_s)
        until = self._now() + int(pause_s * 1e6)
        self._database.write(lambda db: backfills.waits(db, walk.id, until, words))

    def _end(self, walk: Walk) -> None:
        now = self._now()
        if self._database.write(lambda db: backfills.end(db, walk.id, now)):
            log.info("backfill_ended", channel=walk.channel, backfill=walk.id)
        else:
            self._database.write(lambda db: backfills.waits(db, walk.id, now, None))

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())
