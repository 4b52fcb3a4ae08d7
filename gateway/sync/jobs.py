"""What RQ calls, by its dotted name (`gateway.wake.JOB`)."""

from __future__ import annotations

import threading

import structlog

from gateway.errors import Ours, Unavailable
from gateway.sync.backfills import Backfills
from gateway.sync.contacts import Contacts
from gateway.sync.deadlines import Deadlines
from gateway.sync.deliver import Deliver
from gateway.sync.directory import Directories
from gateway.sync.doubts import Doubts
from gateway.sync.drain import Drain, Work
from gateway.sync.events import Events
from gateway.sync.forgetting import Forgetting
from gateway.sync.pace import Pace
from gateway.sync.passes import Passes
from gateway.sync.past import Past
from gateway.sync.pauses import Pauses
from gateway.sync.reading import Reader, Reads
from gateway.sync.several import Several
from gateway.sync.turns import Turns
from gateway.sync.upkeep import Upkeep
from gateway.sync.waiting import WaitMails
from gateway.sync.watching import Watching
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

READ_PER_SECOND = 30
"""Four readers get 40 from Intercom, which takes a tenth of a second to answer. From a channel
that is quicker they would take a processor, and the SQLite file, from customers who wait. What is
in doubt and what is past keep this pace together."""


class Bench:
    """A worker process's tools, built once: the kinds of work it can do, and when to stop."""

    def __init__(
        self,
        parts: Parts,
        stopping: threading.Event,
        pace: Pace | None = None,
        linger_s: float = 0.0,
    ) -> None:
        self.parts = parts
        self.stopping = stopping
        self._linger_s = linger_s
        reader = Reader(parts)
        pauses = Pauses(parts.clock)
        self.passes = Passes(parts, reader, pauses)
        works: list[Work] = [
            Turns(parts, reader),
            Deliver(parts, reader),
            Several(
                "sync",
                [
                    Reads(parts, reader),
                    self.passes,
                    Doubts(parts, reader, pauses, pace),
                    Contacts(parts, reader),
                    Backfills(parts, reader, pauses),
                    Past(parts, reader, pauses, pace),
                ],
            ),
            Directories(parts, reader),
            Several("upkeep", [Upkeep(parts), Forgetting(parts)]),
            Deadlines(parts),
            Watching(parts),
            Events(parts),
            WaitMails(parts),
        ]
        self.works = {work.kind: work for work in works}

    def drain(self, kind: str) -> bool:
        """Do all that is due of one kind; True if there was more than the time allowed."""
        parts = self.parts
        parts.waker.awake(kind)
        drain = Drain(
            self.works[kind], parts.clock, self.stopping, parts.refresh,
            parts.waker.listener(kind), self._linger_s,
        )  # fmt: skip
        return drain.run()


_bench: Bench | None = None


def prepare(parts: Parts, stopping: threading.Event, linger_s: float = 0.0) -> None:
    """Give this process its tools; a worker does it once, before it serves its queue.

    A drain that is told of work stays for `linger_s` more when there is none.
    """
    global _bench
    _bench = Bench(parts, stopping, Pace(parts.clock, READ_PER_SECOND), linger_s)


def drain(kind: str) -> None:
    """The job: drain, and wake another one if time ran out."""
    if _bench is None:
        raise Ours("a job ran in a process that is not one of our workers")
    try:
        more = _bench.drain(kind)
    except Unavailable as trouble:
        log.warning("drain_stopped", kind=kind, error=trouble.message)
        return
    if more:
        _bench.parts.waker.wake(kind)
