"""`python -m bench backfill`: what importing a channel's past costs live customers.

Customers write at a steady rate and are answered, all the time the same: at first alone, then while
the past is imported into an empty record, with the worker that reads killed at even distances.
Then the record is compared with the workspace, and with what an undisturbed import of the same past
comes to. The gateway is a whole `gateway up` in processes of its own.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from bench.each import on_each
from bench.figures import goal, quantile, table
from bench.noted import note
from bench.past import Past
from bench.servers import KINDS, Ground
from bench.sidelook import Sidelook, busiest
from bench.stage import Customers, Stage, stage, tell_what_the_gateway_said
from bench.traffic import CHANNEL
from gateway.config import load_settings
from gateway.reading.backfills import find_backfill
from gateway.reconciling import backfills
from gateway.store import migrate
from gateway.store.models import Conversation, FactRow, Message
from gateway.sync.drain import Drain
from gateway.sync.jobs import Bench
from gateway.wiring import Parts, build
from intercom_standin.gate import DEFAULT_LIMIT, WINDOW_S
from tests.healing.truth import differences

MOST_RATIO = 1.2
_LIVE_QUIET_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What `differences` compares: the record and the workspace."""

    parts: Parts
    world: Any


@dataclass(slots=True, kw_only=True)
class Stretch:
    """A stretch of live traffic, alone or beside an import."""

    took_ms: list[float]
    late_ms: float = 0.0
    windows: int = 0
    refused: int = 0


class Run:
    """One stage, on which live traffic is measured alone and beside an import."""

    def __init__(self, on: Stage, parts: Parts, options: argparse.Namespace) -> None:
        self._on = on
        self._parts = parts
        self._options = options
        self._customers = Customers(on.standin, on.talk, options.debounce)

    def warm_up(self) -> None:
        """Let everything have happened once."""
        self._customers.write(self._options.warm_up, self._options.rate)
        self._on.talk.wait_for_answers()

    def alone(self) -> Stretch:
        """Live traffic and nothing else."""
        with self._measured() as one:
            one.late_ms = 1e3 * self._customers.write(self._options.seconds, self._options.rate)
        return one

    def beside(self, gateway_pid: int) -> tuple[Stretch, Mapping[str, Any], Sidelook, float]:
        """The same while the past is imported, to the import's end."""
        now = int(time.time() * 1e6)
        parts, options = self._parts, self._options
        began = time.monotonic()
        id = parts.database.write(lambda db: backfills.begin(db, CHANNEL, now=now))

        def read() -> int:
            return int(self._seen(id)["read"])

        look = Sidelook(read, gateway_pid)
        every = options.conversations // (options.kill + 1)
        look.kill_at = [every * (kill + 1) for kill in range(options.kill)]
        with look, self._measured() as one:
            while self._seen(id)["ended_at"] is None:
                late = self._customers.write(1.0, options.rate)
                one.late_ms = max(one.late_ms, 1e3 * late)
            seconds = time.monotonic() - began
        return one, self._seen(id), look, seconds

    def _seen(self, id: str) -> Mapping[str, Any]:
        with self._parts.database.read() as db:
            return find_backfill(db, id)

    @contextmanager
    def _measured(self) -> Iterator[Stretch]:
        on, calls = self._on, self._on.standin.requests
        calls.clear()
        one, since = Stretch(took_ms=[]), time.time()
        yield one
        until = time.time()
        on.talk.wait_for_answers()
        one.took_ms = [1e3 * took for took in on.talk.seconds(since, until)]
        one.windows = busiest([call.at for call in calls], WINDOW_S)
        one.refused = sum(call.status == 429 for call in calls)


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Run everything on one database, print, and tell whether the record is the truth."""
    with stage(
        place, rate_limit=options.limit, debounce_s=options.debounce, thinks_s=0.0
    ) as on:  # fmt: skip
        with place.config.open("a", encoding="utf-8") as config:
            config.write("reconcile_every_s = 0\n")  # what is live is heard: nothing is lost here
        past = Past(on.standin)
        past.fill(options.conversations, options.parts)
        old = set(on.standin.world.conversations)
        print(f"  a past of {len(old)} conversations with {past.parts} parts")
        parts = build(load_settings(place.environment()))
        on.stack.callback(parts.database.dispose)
        run = Run(on, parts, options)
        pid = on.up().pid
        run.warm_up()
        alone = run.alone()
        beside, done, look, seconds = run.beside(pid)
        right = _tell(options, beside, done, look, seconds, past.parts)
        wrong = differences(Seen(parts=parts, world=on.standin.world))
        if options.undisturbed:
            wrong += _unlike(parts, _undisturbed(place, on), old)
        _print(options, alone, beside)
        answers = on.talk.answers()
        unanswered = len(on.talk.meant) - len(answers)
        twice = sum(number > 1 for number in answers.values())
        right &= unanswered == twice == len(wrong) == 0
        print(
            f"{'RIGHT   ' if right else 'WRONG   '}{len(wrong)} differences, "
            f"{len(on.talk.meant)} live messages, {unanswered} unanswered, {twice} answered twice"
        )
        if not right:
            print(*wrong[:5], sep="\n")
            tell_what_the_gateway_said(place)
    return right


def _undisturbed(place: Ground, on: Stage) -> Mapping[str, Any]:
    """Import the same past in one go into another record; return what it holds."""
    on.standin.gate.limit = 10_000_000
    url = f"sqlite:///{place.folder / 'undisturbed.db'}"
    migrate(url)
    environ = place.environment() | {"GATEWAY_DATABASE_URL": url}
    environ.pop("GATEWAY_REDIS_URL", None)
    parts = build(load_settings(environ))
    try:
        now = int(time.time() * 1e6)
        id = parts.database.write(lambda db: backfills.begin(db, CHANNEL, now=now))
        bench = Bench(parts, threading.Event())
        while True:
            with parts.database.read() as db:
                if find_backfill(db, id)["ended_at"] is not None:
                    return _held(parts)
            Drain(bench.works["sync"], parts.clock, bench.stopping).run()
    finally:
        parts.database.dispose()


def _held(parts: Parts) -> Mapping[str, Any]:
    """What a record holds of each conversation: how many facts, messages and words."""
    held: dict[str, Any] = {}
    with parts.database.read() as db:
        for kind, column in (("facts", FactRow), ("messages", Message)):
            words = func.sum(func.length(Message.text)) if column is Message else func.count()
            query = (
                select(Conversation.external_id, func.count(), words)
                .join(column, column.conversation_id == Conversation.id)
                .group_by(Conversation.external_id)
            )
            for id, many, much in db.execute(query):
                held.setdefault(id, {})[kind] = (many, int(much))
    return held


def _unlike(parts: Parts, other: Mapping[str, Any], old: set[str]) -> list[str]:
    mine = _held(parts)
    return [
        f"{id}: {mine.get(id)} here, {other.get(id)} undisturbed"
        for id in sorted(old)
        if mine.get(id) != other.get(id)
    ]


def _tell(
    options: argparse.Namespace,
    beside: Stretch,
    done: Mapping[str, Any],
    look: Sidelook,
    seconds: float,
    parts: int,
) -> bool:
    counts = Counter({name: done[name] for name in ("read", "known", "gone", "failed")})
    print(
        f"  {counts['read']} conversations ({counts['read'] / seconds:.0f}/s, "
        f"{parts / seconds:.0f} parts/s) in {seconds:.0f} s; {done['messages']} messages "
        f"and notes, {done['people']} customers, {counts['known']} known, "
        f"{counts['failed']} failed\n"
        f"    {look.killed} killed; at most {beside.windows} calls in {WINDOW_S} s (limit "
        f"{options.limit}), {beside.refused} answered 429; sync worker {look.memory}"
    )
    note("conversations of the past imported, beside live answers",
         f"{counts['read'] / seconds:.0f} in a second")  # fmt: skip
    right = beside.refused == 0 and beside.windows <= options.limit
    return right and look.killed == options.kill and counts["failed"] == counts["gone"] == 0


def _print(options: argparse.Namespace, alone: Stretch, beside: Stretch) -> None:
    rows = [["", "alone", "beside", "ratio"]]
    for share in (0.5, 0.9, 0.99):
        one, other = (quantile(each.took_ms, share) for each in (alone, beside))
        name = f"message -> reply, p{100 * share:.0f} ms"
        rows.append([name, f"{one:.0f}", f"{other:.0f}", f"{other / one:.2f}"])
    rows.append(["messages", str(len(alone.took_ms)), str(len(beside.took_ms)), ""])
    late = [f"{each.late_ms:.0f}" for each in (alone, beside)]
    rows.append(["a message written late at most, ms", *late, ""])
    print(table(rows))
    ratio = quantile(beside.took_ms, 0.99) / quantile(alone.took_ms, 0.99)
    reached = ratio <= MOST_RATIO
    note("p99 of live answers beside an import, to that without", f"{ratio:.2f}",
         f"at most {MOST_RATIO}", reached)  # fmt: skip
    print(goal(f"p99 {ratio:.2f} times that without an import, goal {MOST_RATIO}", reached))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if the record became the truth and the limit was kept, else 1."""
    options = _parser().parse_args(arguments)
    conditions = (
        f": {options.conversations} conversations with {options.parts} parts, killed "
        f"{options.kill} times, {options.rate:g} live messages/s, debounce {options.debounce:g} s, "
        f"limit {options.limit} in {WINDOW_S} s"
    )
    return 0 if on_each(options, conditions, measure) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench backfill", description=__doc__)
    add = parser.add_argument
    add("--database", choices=KINDS, default="sqlite", help="default: sqlite")
    add("--conversations", type=int, default=20_000, help="of the past (default 20000)")
    add("--parts", type=int, default=200_000, help="in all of them (default 200000)")
    add("--kill", type=int, default=5, help="how often the reading worker is killed (default 5)")
    add("--seconds", type=float, default=120.0, help="of traffic alone (default 120)")
    add("--warm-up", type=float, default=5.0, help="seconds that are not measured (default 5)")
    add("--rate", type=float, default=8.0, help="messages in a second (default 8)")
    add("--debounce", type=float, default=1.0, help="the agent's debounce_s (default 1)")
    add("--limit", type=int, default=DEFAULT_LIMIT, help="calls in 10 s (default Intercom's)")
    add("--undisturbed", action=argparse.BooleanOptionalAction, default=True,
        help="compare with an undisturbed import, too")  # fmt: skip
    add("--folder", help="where the database is put (default: the temporary folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
