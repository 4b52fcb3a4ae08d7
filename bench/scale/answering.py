"""How many messages so many workers answer, and which processes pay for it.

Customers write while no worker runs; then so many of each kind begin (turns and deliver, one of
sync), and answer all of it. What one answer leaves in the database is told as well.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field

from bench.chaos import is_quiet, until
from bench.figures import Spread, table
from bench.noted import note
from bench.scale.company import Company, company
from bench.scale.sizes import Sizes
from bench.servers import Ground, cpu_since
from bench.stage import Stage, stage, tell_what_the_gateway_said
from bench.traffic import CHANNEL

_RATE_LIMIT = 1_000_000
_ANSWERED_WITHIN_S = 300.0
# The rate is taken between these: all workers are at work then, and none has run out of it.
_FROM, _TO = 0.2, 0.9
_ROLES = ("turns", "deliver", "sync", "scheduler", "web")


@dataclass(slots=True)
class _Side:
    rates: list[float] = field(default_factory=list)
    # By role, CPU ms an answer.
    ms: dict[str, list[float]] = field(default_factory=dict)


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Measure each number of workers in turn, print; True if each message was answered once."""
    steps = list(map(int, options.steps.split(",")))
    sides = {number: _Side() for number in steps}
    with stage(place, rate_limit=_RATE_LIMIT, debounce_s=0.0, thinks_s=0.05) as on:
        sizes = Sizes(place)
        with company(place, ["web"]) as web:
            port = web.members[0].port
            on.standin.notifier.url = f"http://127.0.0.1:{port}/webhooks/{CHANNEL}"
            for _ in range(options.rounds):
                for number in steps:
                    _round(place, on, web, number, options.messages, sides[number])
        answers = on.talk.answers()
        sizes.tell("message answered", len(on.talk.meant))
    _print(sides)
    unanswered = len(on.talk.meant) - len(answers)
    twice = sum(number > 1 for number in answers.values())
    right = unanswered == twice == 0 and not on.standin.notifier.dropped
    print(f"{'RIGHT' if right else 'WRONG'}: {len(on.talk.meant)} messages, {unanswered} "
          f"unanswered, {twice} answered twice")  # fmt: skip
    if not right:
        tell_what_the_gateway_said(place)
    return right


def _round(place: Ground, on: Stage, web: Company, number: int, messages: int, side: _Side) -> None:
    _write(on, messages)
    place.tidy()
    due = len(on.talk.meant)
    before = len(on.talk.replies)
    database, ours = place.database_cpu(), time.process_time()
    of_web = web.cpu("web")
    roles = ["turns"] * number + ["deliver"] * number + ["sync", "scheduler"]
    with company(place, roles) as workers:
        idle = {role: workers.cpu(role) for role in _ROLES}
        until(lambda: len(on.talk.answers()) >= due, _ANSWERED_WITHIN_S)
        until(lambda: is_quiet(on.standin, place), _ANSWERED_WITHIN_S)
        used = {role: workers.cpu(role) - idle[role] for role in _ROLES}
        used["web"] = web.cpu("web") - of_web
        used["database"] = sum(cpu_since(database, place.database_cpu()).values())
        used["the stand-in, and the bench"] = time.process_time() - ours
        for role, seconds in used.items():
            side.ms.setdefault(role, []).append(1e3 * seconds / messages)
    times = sorted(at for at, _ in on.talk.replies[before:])
    first, last = int(_FROM * len(times)), int(_TO * len(times)) - 1
    side.rates.append((last - first) / (times[last] - times[first]))


def _write(on: Stage, messages: int) -> None:
    """Let so many customers write, and the gateway hear of all of it."""
    for _ in range(messages):
        mark = f"q{len(on.talk.meant):06d}"
        on.talk.meant[mark] = time.time()
        words = f"Where is my parcel? My order has the number {mark}."
        on.standin.world.customer_starts(words, name=f"Customer {mark}")
    until(lambda: on.standin.notifier.wait_idle(0.1, retries=True), _ANSWERED_WITHIN_S)


def _print(sides: dict[int, _Side]) -> None:
    roles = list(next(iter(sides.values())).ms)
    rows = [["workers of each kind", "answered/s", *(f"{role}, ms" for role in roles)]]
    for number, side in sides.items():
        each = [Spread.of(side.ms[role]).text(".1f") for role in roles]
        rows.append([str(number), Spread.of(side.rates).text(), *each])
        told = ", ".join(f"{role} {Spread.of(side.ms[role]).median:.1f}" for role in roles)
        note(f"messages answered/s by {number} workers of each kind", Spread.of(side.rates).text())
        note(f"messages answered by {number} workers of each kind: CPU by role, ms each", told)
    print(table(rows))
