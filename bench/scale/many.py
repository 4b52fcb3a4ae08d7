"""What so many installations cost while nothing happens in any of them."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from sqlalchemy import update

from bench.figures import table
from bench.noted import note
from bench.receiver import watching
from bench.servers import Ground, cpu_since
from gateway.app import create_app
from gateway.channels.base import Workspace
from gateway.clock import to_micros
from gateway.config import load_settings
from gateway.installing import book
from gateway.people import operators
from gateway.store import Database, Transaction
from gateway.store.models import Reconciliation
from gateway.sync.jobs import Bench
from gateway.sync.scheduler import ON_A_CLOCK, tick
from gateway.wiring import Parts, build

_APP = "app"
_TABLE = """
[channels.app]
kind = "intercom"
agent = "support"
client_id = "bench"
client_secret = "bench-app-secret"
"""


@dataclass(slots=True)
class Cost:
    """What something took."""

    what: str
    seconds: float
    ours_ms: float
    database_ms: float
    statements: int


class Counted:
    """Counts statements and processor time."""

    def __init__(self, place: Ground, database: Database) -> None:
        self.costs: list[Cost] = []
        self._place = place
        self._database = database

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Count what is done inside."""
        said: list[str] = []

        database = self._place.database_cpu()
        began, used = time.monotonic(), time.process_time()
        with watching(self._database.engine, said.append):
            yield
        spent = sum(cpu_since(database, self._place.database_cpu()).values())
        self.costs.append(
            Cost(what, time.monotonic() - began, 1e3 * (time.process_time() - used),
                 1e3 * spent, len(said))
        )  # fmt: skip


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Install, look at what a gateway does all by itself, print; True if all were there."""
    number = options.installations
    with place.config.open("a", encoding="utf-8") as file:
        file.write(_TABLE)
    settings = load_settings({**place.environment()})
    parts = build(settings)
    install(parts, number, ago_s=300)
    counted = Counted(place, parts.database)
    memory = psutil.Process().memory_info().rss
    with counted.doing("a process opens all of them"):
        parts.refresh()
        found = len(parts.channels)
    memory_kb = (psutil.Process().memory_info().rss - memory) / 1024 / number
    work = Bench(parts, threading.Event())
    with counted.doing("a process asks ten times whether any has changed (once a second)"):
        for _ in range(10):
            parts.channels.refresh(at_once=True)  # type: ignore[attr-defined]
    with counted.doing("a scheduler's look for what is due (twice a second)"):
        tick(work)
    with counted.doing("the same for what a clock asks for (twice a minute)"):
        tick(work, ON_A_CLOCK)
    with counted.doing("a look at their health (once a minute, 20 s at most)"):
        work.works["watch"].do("look")
    looked_at = place.count("SELECT count(DISTINCT channel) FROM findings")
    with counted.doing("a scheduler that starts begins a pass in each"):
        work.passes.begin_after_absence(to_micros(parts.clock.now()))
    begun = place.count("SELECT count(*) FROM reconciliations WHERE ended_at IS NULL")
    with counted.doing("one answer of /metrics"):
        size = _metrics(parts)
    parts.database.dispose()
    _print(counted.costs, number, memory_kb, looked_at, size)
    right = found == number + 1 and begun == number
    print(f"{'RIGHT' if right else 'WRONG'}: {found - 1} of {number} known, {begun} passes begun")
    return right


def install(parts: Parts, number: int, *, first: int = 0, ago_s: float = 0) -> None:
    """Let so many workspaces have installed the app; the last pass over each began so long ago."""
    now = to_micros(parts.clock.now())
    seals = parts.installing.seals

    def add(db: Transaction) -> str:
        one = operators.add(db, email=f"a{first}@bench.test", name="A", role="admin", now=now)
        return one.id

    by = parts.database.write(add)
    ids = [f"ws{at:06d}" for at in range(first, first + number)]

    def some(db: Transaction, ids: list[str]) -> None:
        for id in ids:
            there = Workspace(id=id, title=f"Workspace {id}", region="us", token=f"token-{id}")
            known = book.install(db, seals, _APP, there, by, now).now
            book.decide(db, known.channel, "814860", {}, now)
            # Deciding has begun one.
            db.execute(
                update(Reconciliation)
                .where(Reconciliation.installation_id == known.installation_id)
                .values(began_at=now - int(ago_s * 1e6), listed_at=now, ended_at=now)
            )

    for start in range(0, number, 200):
        parts.database.write(_with(some, ids[start : start + 200]))


def _with(
    work: Callable[[Transaction, list[str]], None], ids: list[str]
) -> Callable[[Transaction], None]:
    return lambda db: work(db, ids)


def _metrics(parts: Parts) -> int:
    answer = create_app(parts).test_client().get("/metrics")
    if answer.status_code != 200:
        raise RuntimeError(f"/metrics: {answer.status_code}")
    return len(answer.data)


def _print(
    costs: list[Cost], number: int, memory_kb: float, looked_at: int, metrics_size: int
) -> None:
    rows = [["", "s", "our CPU, ms", "the database's, ms", "statements"]]
    rows += [
        [one.what, f"{one.seconds:.2f}", f"{one.ours_ms:.0f}", f"{one.database_ms:.0f}",
         str(one.statements)]
        for one in costs
    ]  # fmt: skip
    print(table(rows))
    print(f"  {memory_kb:.1f} kB of memory for each in every process")
    print(f"  {looked_at} of {number} were looked at; /metrics had {metrics_size / 1e6:.1f} MB\n")
    for one in costs:
        note(f"{number} installations: {one.what}: s, our CPU and the database's in ms",
             f"{one.seconds:.2f}, {one.ours_ms:.0f}, {one.database_ms:.0f}")  # fmt: skip
    note(f"{number} installations: memory of each in every process, kB", f"{memory_kb:.1f}")
    note(f"{number} installations: looked at within 20 s", str(looked_at))
