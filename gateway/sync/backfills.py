"""Backfills: a channel's past is asked for and listed, page by page, and noted."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from gateway.channels.base import Changes, Sender
from gateway.errors import Never
from gateway.events import ContactSeen, Event
from gateway.reconciling import backfills
from gateway.reconciling.backfills import Walk
from gateway.store import Transaction
from gateway.sync.lists import Lists
from gateway.sync.pauses import Pauses
from gateway.sync.reading import Reader
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_AT_ONCE = 20
"""Customers written in one transaction: on SQLite nobody else writes meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Whose workspace it is, who works there, and how far our clock is ahead of the channel's."""

    installation: str
    staff: Sequence[Event]
    skew_s: float


class Backfills(Lists[Walk, Opened | Changes]):
    """Takes each backfill a step on: who it is that the channel speaks for, the list, the end."""

    kind = "backfills"
    threads = 1

    def __init__(self, parts: Parts, reader: Reader, pauses: Pauses) -> None:
        super().__init__(parts, reader, pauses, backfills)

    def due(self, limit: int) -> Sequence[str]:
        """Backfills that can go a step on."""
        with self._database.read() as db:
            return backfills.due(db, self._now())[:limit]

    def _ask(self, sender: Sender, walk: Walk) -> Opened | Changes:
        if walk.installation_id is not None:
            return sender.changes(walk.list_since, walk.list_until, walk.cursor)
        installation, staff = sender.installation(), sender.directory()
        return Opened(installation=installation, staff=staff, skew_s=sender.skew_s() or 0.0)

    def _keep(self, walk: Walk, answer: Opened | Changes) -> None:
        if isinstance(answer, Opened):
            self._open(walk, answer)
            return
        assert walk.installation_id is not None
        people = iter(answer.people)
        while some := list(itertools.islice(people, _AT_ONCE)):
            self._meet(walk.installation_id, some)
        self._database.write(lambda db: self._note(db, walk, answer))

    def _open(self, walk: Walk, opened: Opened) -> None:
        """Record whose workspace it is, maybe before anything of it was ever heard."""
        name = opened.installation
        home = self._parts.inbox.enter(walk.channel, name)
        if home is None:
            words = f"its credentials are of another workspace ({name or 'unknown'})"
            self._wait(walk, Never(words))
            return
        self._parts.inbox.meet(walk.channel, opened.staff)
        skew_us = int(opened.skew_s * 1e6)
        self._database.write(
            lambda db: backfills.opened(
                db, walk, home, staff=len(opened.staff), skew_us=skew_us, now=self._now()
            )
        )

    def _meet(self, installation_id: str, people: Sequence[ContactSeen]) -> None:
        inbox = self._parts.inbox
        self._database.write(lambda db: inbox.meet_customers(db, installation_id, people))

    def _note(self, db: Transaction, walk: Walk, page: Changes) -> None:
        changed = {one.id: one.updated_at for one in page.conversations}
        backfills.listed(
            db, walk, changed, page.next,
            people=len(page.people), total=page.total, now=self._now(),
        )  # fmt: skip

    def _tell_wait(self, walk: Walk, why: str, seconds: float) -> None:
        log.warning("backfill_waits", channel=walk.channel, error=why, seconds=seconds)

    def _tell_end(self, walk: Walk) -> None:
        log.info("backfill_ended", channel=walk.channel, backfill=walk.id)
