"""`python -m bench growth`: what a webhook costs among a million sessions, and among none.

Two gateways, each with a database of its own, take the same notifications in turns. What counts is
the processors' time, ours and the database's: it hardly depends on who else is busy.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import noted
from bench.each import folders
from bench.figures import Spread, goal, quantile, table
from bench.load import closed_loop
from bench.noted import note
from bench.servers import KINDS, Ground, Web, cpu_since, ground, serving
from bench.traffic import Posted, Traffic
from bench.years import fill

MOST_RATIO = 1.2
_SPARE = 2.0
_A_SECOND = 1500


@dataclass(slots=True)
class Side:
    """One of the two gateways, and what was measured of it, a value for each round."""

    place: Ground
    web: Web
    kept_before: int
    accepted: int = 0
    refused: int = 0
    cpu_us: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)

    def take(self, posted: Sequence[Posted], seconds: float, *, measured: bool = True) -> int:
        """Take notifications for a while; return how many."""
        self.place.tidy()
        self.web.check()
        web, database = self.web.cpu(), self.place.database_cpu()
        requests = iter([one.request for one in posted])
        run = closed_loop(self.web.address, requests, connections=4, seconds=seconds)
        used = sum(cpu_since(web, self.web.cpu()).values())
        used += sum(cpu_since(database, self.place.database_cpu()).values())
        self.accepted += run.accepted
        self.refused += sum(run.statuses.values()) - run.accepted
        if measured:
            self.cpu_us.append(1e6 * used / max(run.accepted, 1))
            self.p50_ms.append(1e3 * quantile(run.latencies, 0.50))
        return run.taken

    def is_right(self) -> bool:
        """Whether all that was acknowledged is in the record."""
        applied = self.place.count("SELECT count(*) FROM inbox WHERE state = 'applied'")
        return self.refused == 0 and applied == self.kept_before + self.accepted


def measure(kind: str, folder: Path, options: argparse.Namespace) -> bool:
    """Fill one of two databases, measure in turns, print; True if the record is right."""
    for name in ("none", "many"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        places = [stack.enter_context(ground(kind, folder / name)) for name in ("none", "many")]
        began = time.monotonic()
        sessions = fill(places[1], options.sessions)
        print(f"  {sessions:,} sessions made in {time.monotonic() - began:.0f} s")
        kept = "SELECT count(*) FROM inbox"
        sides = [
            Side(place, stack.enter_context(serving(place, "gateway")), place.count(kept))
            for place in places
        ]
        traffic = Traffic(seed=1)
        size = int(_SPARE * options.seconds * _A_SECOND) + 200
        warm = traffic.post(size)
        for side in sides:
            side.take(warm, options.seconds, measured=False)
        for number in range(options.rounds):
            posted = traffic.post(size)
            for side in sides if number % 2 == 0 else sides[::-1]:
                side.take(posted, options.seconds)
        return _print(sides, sessions)


def _print(sides: Sequence[Side], sessions: int) -> bool:
    none, many = sides
    ratio = Spread.of([a / b for a, b in zip(many.cpu_us, none.cpu_us, strict=True)])
    slower = Spread.of([a / b for a, b in zip(many.p50_ms, none.p50_ms, strict=True)])
    print(table([
        ["median (min to max) of the rounds", "none", f"{sessions:,}"],
        ["CPU of web and database by webhook, us",
         *(Spread.of(side.cpu_us).text() for side in sides)],
        ["p50 ms, 4 connections", *(Spread.of(side.p50_ms).text(".1f") for side in sides)],
        ["webhooks", *(str(side.accepted) for side in sides)],
    ]))  # fmt: skip
    reached = ratio.median <= MOST_RATIO and slower.median <= MOST_RATIO
    wanted = f"at most {MOST_RATIO}"
    print(f"  {sessions:,} to none: CPU {ratio.text('.2f')}, p50 {slower.text('.2f')}")
    print(goal(f"CPU {ratio.median:.2f} and p50 {slower.median:.2f} times, {wanted}", reached))
    note(f"CPU of a webhook among {sessions:,} sessions to that among none", ratio.text(".2f"),
         wanted, ratio.median <= MOST_RATIO)  # fmt: skip
    note(f"p50 of a webhook among {sessions:,} sessions to that among none", slower.text(".2f"),
         wanted, slower.median <= MOST_RATIO)  # fmt: skip
    right = all(side.is_right() for side in sides)
    print(f"{'RIGHT   ' if right else 'WRONG   '}all that was acknowledged is in the record")
    return right


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if the record is right, else 1. Goals are printed, they do not fail."""
    options = _parser().parse_args(arguments)
    right = True
    with folders(options) as prepared:
        for kind, folder in prepared:
            print(f"\n{kind}: {options.rounds} rounds of {options.seconds:g} s each")
            with noted.on(kind):
                right &= measure(kind, folder, options)
    return 0 if right else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench growth", description=__doc__)
    add = parser.add_argument
    add("--database", choices=KINDS, help="default: both, one after the other")
    add("--sessions", type=int, default=1_000_000, help="default 1,000,000")
    add("--seconds", type=float, default=6.0, help="of each measurement (default 6)")
    add("--rounds", type=int, default=8, help="pairs of measurements (default 8)")
    add("--folder", help="where the databases are put (default: the temporary folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
