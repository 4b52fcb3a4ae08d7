"""Issue 7, criterion 1, without its numbers: killed five times a backfill ends as any other.

Real processes, killed where the record shows that they have got to, under a rate limit so small
that they must wait for its windows. The numbers are the bench's (`bench/backfill.py`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway.clock import SystemClock, to_micros
from gateway.reading.backfills import find_backfill
from gateway.reconciling import backfills
from gateway.store import migrate
from gateway.store.models import Backfill, PastConversation
from gateway.sync.drain import Drain
from gateway.sync.jobs import Bench
from tests.crash.tree import CHANNEL, tree
from tests.healing import village
from tests.healing.test_killed import LEASE_US, Record, Site, parts_of
from tests.healing.truth import differences
from tests.order.ledgers import same_ledger
from tests.services.processes import wait_until

CONVERSATIONS, LIMIT = 50, 90
COUNTS = ("expected", "found", "known", "read", "gone", "failed", "messages", "people", "staff")
_AT_MOST_S = 150.0

Seen = dict[str, Any]


def begin(it: Site) -> str:
    now = to_micros(SystemClock().now())
    return it.parts.database.write(lambda db: backfills.begin(db, CHANNEL, now=now))


def look(it: Site, id: str) -> Seen:
    with it.parts.database.read() as db:
        return dict(find_backfill(db, id))


def past(it: Site) -> None:
    """Let much have happened long ago, of which nothing was ever heard."""
    world = it.world
    with village.living(it.tree.standin, ago_s=86_400):
        for number in range(CONVERSATIONS):
            begun = world.customer_starts(f"Words {number}.", name=f"Customer {number}")
            thread = str(begun.conversation_id)
            for more in range(number % 4):
                world.customer_replies(thread, f"More {more} of {number}.")
            village.HAPPENINGS[number % 4](world, thread)
    it.tree.standin.notifier.take()


def has_read(number: int) -> Callable[[Seen], bool]:
    return lambda seen: seen["read"] >= number


def has_listed(seen: Seen) -> bool:
    return bool(seen["found"] > 0)


MOMENTS = (has_listed, *map(has_read, (8, 16, 24, 32)))
"""At which a worker is killed; on PostgreSQL, to save time, only at the first two."""


@pytest.mark.slow(20)
def test_killed_it_ends_as_an_undisturbed_one(migrated_url: str, tmp_path: Path) -> None:
    with tree(migrated_url, migrated=True, mode="manual", rate_limit=LIMIT) as tree_:
        with (tree_.folder / "gateway.toml").open("a") as config:
            config.write('reconcile_every_s = 0\napi_version = "2.16"\n')
        with parts_of(tree_, migrated_url) as parts:
            it = Site(tree_, parts)
            past(it)
            it.tree.standin.requests.clear()
            id = begin(it)
            for moment in MOMENTS[: 5 if parts.database.is_sqlite else 2]:
                worker = it.start("worker", "--only", "sync")
                try:
                    wait_until(
                        lambda when=moment: when(look(it, id)),
                        f"its moment; see {it.tree.log}",
                        within_s=_AT_MOST_S,
                    )
                    assert look(it, id)["ended_at"] is None
                finally:
                    worker.send_signal(signal.SIGKILL)
                    worker.wait()
                let_the_leases_end(it)
            assert it.start("sync", "backfill", CHANNEL).wait(_AT_MOST_S) == 0
            done = look(it, id)
            assert f"{done['read']} conversations were read" in it.tree.log.read_text()
            village.kept_to_the_limit(it.tree.standin.requests, LIMIT)
            assert differences(it) == []
            other = f"sqlite:///{tmp_path / 'other.db'}"
            migrate(other)
            counts, ledger = undisturbed(it, other)
            assert {name: done[name] for name in COUNTS} == counts
            same_ledger(ledger, Record(it.parts).apart_from(set()), "(killed again and again)")


def let_the_leases_end(it: Site) -> None:
    """Let as much time pass as what a dead worker had taken is left alone for."""
    now = to_micros(SystemClock().now())

    def end(db: Any) -> None:
        for table in (Backfill, PastConversation):
            db.execute(update(table).where(table.due_at > now + LEASE_US).values(due_at=now))

    it.parts.database.write(end)


def undisturbed(it: Site, url: str) -> tuple[Seen, dict[str, Any]]:
    """Run one in one go on another record; return its counts, and what that record knows."""
    it.tree.standin.gate.limit = 1_000_000
    with parts_of(it.tree, url) as parts:
        other = Site(it.tree, parts)
        id = begin(other)
        bench = Bench(parts, threading.Event())
        Drain(bench.works["sync"], parts.clock, bench.stopping).run()
        done = look(other, id)
        assert done["ended_at"] is not None
        return {name: done[name] for name in COUNTS}, Record(parts).apart_from(set())
