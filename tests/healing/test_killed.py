"""Issue 3's criterion 3, without its numbers: a pass that is killed five times ends as any other.

Real processes, killed where the record shows that they have got to; the stand-in's rate limit is so
small that a pass must wait for its windows. The numbers are the bench's (`bench/reconcile.py`).
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.clock import SystemClock, to_micros
from gateway.config import load_settings
from gateway.leash import leashed
from gateway.reading.passes import find_pass
from gateway.store.models import Conversation, Doubt, Push, Reconciliation, Repair, TurnRow
from gateway.sync.drain import Drain
from gateway.sync.jobs import Bench
from gateway.wiring import Parts, build
from tests.crash.tree import CHANNEL, Tree, tree
from tests.healing import village
from tests.healing.truth import differences
from tests.order.gateways import Gateway
from tests.order.ledgers import same_ledger
from tests.services.processes import wait_until

COUNTS = ("found", "doubted", "read", "repaired", "gone", "lost", "people", "waiting", "drift")
# A worker's lease of what it was killed over: longer than any pause that the limit asks for.
LEASE_US = 30_000_000

# Nobody is this slow; it only ends a test that would never end.
_AT_MOST_S = 150.0


class Record(Gateway):
    """What a gateway knows, to be compared with what another does."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def apart_from(self, deleted: set[str]) -> dict[str, Any]:
        """The ledger, but for when somebody noticed that `deleted` ones are gone: that is ours."""
        ledger = self.ledger() | self.owed()
        for row in [*ledger["facts"], *ledger["history"], *ledger["sessions"]]:
            if row["conversation"] in deleted:
                for time in ("at", "data", "finished_at"):
                    row.pop(time, None)
        for row in ledger["threads"]:
            if row["external_id"] in deleted:
                row["thread"] = row["thread"]["deleted"]
        return dict(ledger)

    def owed(self) -> dict[str, list[Any]]:
        """What a pass came to beside the history: questions, deliveries, what it repaired."""
        of = Conversation.external_id
        queries = {
            "turns": select(of, TurnRow.state, TurnRow.why).join(
                Conversation, Conversation.id == TurnRow.conversation_id
            ),
            "pushes": select(of, Push.state, Push.role).join(
                Conversation, Conversation.id == Push.conversation_id
            ),
            "repairs": select(of, Repair.learned, Repair.effect).join(
                Conversation, Conversation.id == Repair.conversation_id
            ),
        }
        return {name: sorted(map(repr, self.rows(query))) for name, query in queries.items()}


@dataclass
class Site:
    """A gateway that must reconcile, and the workspace."""

    tree: Tree
    parts: Parts

    @property
    def world(self) -> Any:
        return self.tree.standin.world

    @property
    def deleted(self) -> set[str]:
        return {id for id, _ in self.world.deleted}

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with self.tree.log.open("ab") as log:
            return subprocess.Popen(
                leashed([sys.executable, "-m", "gateway", *command]), env=self.tree.environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def seen(self, id: str) -> dict[str, Any]:
        with self.parts.database.read() as db:
            return dict(find_pass(db, id))

    def open_pass(self) -> str | None:
        with self.parts.database.read() as db:
            return db.scalar(select(Reconciliation.id).where(Reconciliation.ended_at.is_(None)))

    def lets_the_leases_end(self) -> None:
        """Let as much time pass as what a dead worker had taken is left alone for."""
        now = to_micros(SystemClock().now())

        def end(db: Any) -> None:
            for table in (Doubt, Reconciliation):
                db.execute(
                    update(table).where(table.due_at > now + LEASE_US).values(due_at=now)
                )  # fmt: skip

        self.parts.database.write(end)


@contextmanager
def site(url: str, conversations: int, *, limit: int, redis_url: str | None) -> Iterator[Site]:
    with tree(url, migrated=True, mode="manual", rate_limit=limit) as it:
        with (it.folder / "gateway.toml").open("a") as config:
            config.write('reconcile_every_s = 0\napi_version = "2.16"\n')
        if redis_url is not None:
            it.environ["GATEWAY_REDIS_URL"] = redis_url
        parts = build(load_settings(it.environ))
        village.found(it.standin, parts, conversations)
        it.standin.requests.clear()
        try:
            yield Site(it, parts)
        finally:
            parts.database.dispose()


def killed_over(it: Site, id: str, moments: list[Callable[[dict[str, Any]], bool]]) -> int:
    """Let a worker work on a pass until each of the moments, and kill it there."""
    kills = 0
    for moment in moments:
        worker = it.start("worker", "--only", "sync")
        try:
            wait_until(
                lambda when=moment: when(it.seen(id)),
                f"its moment; see {it.tree.log}",
                within_s=_AT_MOST_S,
            )
            assert worker.poll() is None
            assert it.seen(id)["ended_at"] is None
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        kills += 1
        it.lets_the_leases_end()
    return kills


def has_read(number: int) -> Callable[[dict[str, Any]], bool]:
    return lambda seen: seen["read"] >= number


def is_in_the_middle_of_its_list(seen: dict[str, Any]) -> bool:
    assert seen["listed_at"] is None
    return bool(seen["found"] > 0)


@pytest.mark.slow(36)
def test_killed_five_times_it_ends_as_an_undisturbed_one(
    migrated_sqlite_url: str, tmp_path: Path, valkey_url: str
) -> None:
    limit = 300
    with site(migrated_sqlite_url, 300, limit=limit, redis_url=valkey_url) as it:
        other = f"sqlite:///{tmp_path / 'other.db'}"
        copy(migrated_sqlite_url, other)
        # So that a list is long enough for a kill in its middle.
        it.tree.standin.faults.add("slow", where="search", count=2, seconds=0.5)
        scheduler = it.start("scheduler")
        id = village.begin(it.parts)
        moments = [is_in_the_middle_of_its_list, *map(has_read, (10, 80, 150, 200))]
        assert killed_over(it, id, moments) == 5
        worker = it.start("worker", "--only", "sync")
        wait_until(
            lambda: it.seen(id)["ended_at"], f"its end; see {it.tree.log}", within_s=_AT_MOST_S
        )
        for process in (worker, scheduler):
            process.kill()
            process.wait()
        village.kept_to_the_limit(it.tree.standin.requests, limit)
        assert differences(it) == []
        ended_as(it, id, undisturbed(it, other))


@pytest.mark.slow(12)
def test_the_command_is_killed_and_run_again(migrated_url: str) -> None:
    limit = 80
    with site(migrated_url, 60, limit=limit, redis_url=None) as it:
        first = it.start("sync", "reconcile", CHANNEL)
        try:
            wait_until(lambda: it.open_pass(), "a pass", within_s=_AT_MOST_S)
            id = it.open_pass()
            assert id is not None
            wait_until(
                lambda: it.seen(id)["read"] >= 20,
                f"20 of them; see {it.tree.log}",
                within_s=_AT_MOST_S,
            )
        finally:
            first.kill()
            first.wait()
        assert it.seen(id)["ended_at"] is None
        it.lets_the_leases_end()
        assert it.start("sync", "reconcile", CHANNEL).wait(_AT_MOST_S) == 0
        done = it.seen(id)
        assert done["ended_at"] is not None
        assert f"{done['read']} were read" in it.tree.log.read_text()
        village.kept_to_the_limit(it.tree.standin.requests, limit)
        assert differences(it) == []
        # Every one of them was counted once, whoever read it.
        assert (done["found"] + done["gone"], done["read"], done["waiting"]) == (60, 60, 0)


def copy(url: str, other: str) -> None:
    """Copy a database as it is now."""
    with (
        sqlite3.connect(url.removeprefix("sqlite:///")) as one,
        sqlite3.connect(other.removeprefix("sqlite:///")) as two,
    ):
        one.backup(two)
    one.close()
    two.close()


@contextmanager
def parts_of(tree: Tree, url: str) -> Iterator[Parts]:
    """Wire a process of the tree's gateway, with another record and without Redis."""
    environ = dict(tree.environ) | {"GATEWAY_DATABASE_URL": url}
    environ.pop("GATEWAY_REDIS_URL", None)
    parts = build(load_settings(environ))
    try:
        yield parts
    finally:
        parts.database.dispose()


def undisturbed(it: Site, url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a pass in one go on another record; return its counts, and what that record knows."""
    it.tree.standin.gate.limit = 1_000_000
    with parts_of(it.tree, url) as parts:
        id = village.begin(parts)
        stopping = threading.Event()
        bench = Bench(parts, stopping)
        Drain(bench.works["sync"], parts.clock, stopping).run()
        with parts.database.read() as db:
            seen = find_pass(db, id)
        assert seen["ended_at"] is not None
        return {name: seen[name] for name in COUNTS}, Record(parts).apart_from(it.deleted)


def ended_as(it: Site, id: str, other: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The same counts, and the same record to the letter."""
    counts, ledger = other
    assert {name: it.seen(id)[name] for name in COUNTS} == counts
    same_ledger(ledger, Record(it.parts).apart_from(it.deleted), "(killed five times)")
