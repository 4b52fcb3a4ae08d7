"""The scheduler: looks twice a second for what is due and wakes workers, so wake-ups may be lost.

Two of them do no harm: everything timed is claimed by compare-and-set on its row.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from typing import NoReturn

import structlog

from gateway.audit import configuration
from gateway.clock import to_micros
from gateway.errors import Unavailable
from gateway.sync.jobs import Bench
from gateway.sync.leaving import leave
from gateway.sync.outage import Outage
from gateway.sync.upkeep import Upkeep
from gateway.wake import Kind
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

PERIOD_S = 0.5
UPKEEP_PERIOD_S = 30.0
AT_ONCE: tuple[Kind, ...] = ("turns", "deliver", "sync", "events", "deadlines")
ON_A_CLOCK: tuple[Kind, ...] = ("upkeep", "directory", "watch", "waiting")


def run_scheduler(parts: Parts) -> NoReturn:
    """Run until SIGINT or SIGTERM, and end this process."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    bench = Bench(parts, stopping)
    upkeep = Upkeep(parts)
    upkeep_at = parts.clock.monotonic()
    outage = Outage(parts.sinks, parts.clock)
    started_at, noted, begun = to_micros(parts.clock.now()), False, False
    while not stopping.is_set():
        try:
            if not noted:
                note_settings(parts)
                noted = True
            # With thousands of channels this takes a while, and others wait for a tick.
            begun = begun or bench.passes.begin_after_absence(started_at, within_s=PERIOD_S)
            tick(bench)
            if parts.clock.monotonic() >= upkeep_at:
                upkeep_at = parts.clock.monotonic() + UPKEEP_PERIOD_S
                upkeep.forget()
                tick(bench, ON_A_CLOCK)
        except Unavailable as trouble:
            log.warning("scheduler_waits", error=trouble.message)
            outage.is_away()
        else:
            outage.is_back()
        stopping.wait(PERIOD_S)
    leave(parts)


def note_settings(parts: Parts) -> None:
    """Let the audit know if the settings are other than they were."""
    now = to_micros(parts.clock.now())
    parts.database.write(lambda db: configuration.note(db, parts.settings, now=now))


def tick(bench: Bench, kinds: Sequence[Kind] = AT_ONCE) -> list[Kind]:
    """Wake the workers of every kind that has something due; return those kinds."""
    bench.parts.refresh()
    due = [kind for kind in kinds if bench.works[kind].due(1)]
    for kind in due:
        bench.parts.waker.wake(kind)
    return due
