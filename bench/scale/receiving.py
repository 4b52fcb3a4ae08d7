"""How many notifications so many web processes take in, and what each leaves in the database."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.figures import Spread, quantile, table
from bench.load import closed_loop
from bench.noted import note
from bench.scale.sizes import Sizes
from bench.servers import Ground, Web, cpu_since, serving
from bench.traffic import Traffic

_SPARE = 1.6
_GUESS = 2000.0


@dataclass(slots=True)
class _Side:
    """So many web processes, and what their rounds came to."""

    web: Web
    rates: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    ours_ms: list[float] = field(default_factory=list)
    database_ms: list[float] = field(default_factory=list)


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Measure each number of processes in turn, print; True if the record is right."""
    traffic = Traffic()
    accepted = refused = 0
    with ExitStack() as stack:
        sides = {
            number: _Side(stack.enter_context(serving(place, f"web {number}", processes=number)))
            for number in map(int, options.steps.split(","))
        }
        sizes = Sizes(place)
        for _ in range(options.rounds):
            for side in sides.values():
                rate = max(side.rates, default=_GUESS)
                posted = traffic.post(int(_SPARE * options.seconds * rate) + 200)
                place.tidy()
                before, database_before = side.web.cpu(), place.database_cpu()
                run = closed_loop(
                    side.web.address, iter([one.request for one in posted]),
                    connections=options.connections, seconds=options.seconds,
                )  # fmt: skip
                used = sum(cpu_since(before, side.web.cpu()).values())
                database = sum(cpu_since(database_before, place.database_cpu()).values())
                accepted += run.accepted
                refused += sum(run.statuses.values()) - run.accepted
                side.rates.append(run.per_second)
                side.p99_ms.append(1e3 * quantile(run.latencies, 0.99))
                side.ours_ms.append(1e3 * used / max(1, run.accepted))
                side.database_ms.append(1e3 * database / max(1, run.accepted))
        sizes.tell("notification", accepted)
    _print(sides)
    applied = place.count("SELECT count(*) FROM inbox WHERE state = 'applied'")
    right = applied == accepted and refused == 0
    print(f"{'RIGHT' if right else 'WRONG'}: {accepted} acknowledged, {applied} applied, "
          f"{refused} refused")  # fmt: skip
    return right


def _print(sides: dict[int, _Side]) -> None:
    rows = [["web processes", "notifications/s", "p99 ms", "CPU ms each", "the database's ms"]]
    for number, side in sides.items():
        rows.append([
            str(number), Spread.of(side.rates).text(), Spread.of(side.p99_ms).text(),
            Spread.of(side.ours_ms).text(".2f"), Spread.of(side.database_ms).text(".2f"),
        ])  # fmt: skip
    print(table(rows))
    for number, side in sides.items():
        cpu = (Spread.of(some).text(".2f") for some in (side.ours_ms, side.database_ms))
        note(f"notifications/s by {number} web processes", Spread.of(side.rates).text())
        note(f"notifications by {number} web processes: CPU of theirs and the database's, ms each",
             " and ".join(cpu))  # fmt: skip
