"""`python -m bench.webhook`: the gateway's receiver against a floor, interleaved, on one database.

Both servers stand on the same database file or server and take the same notifications from the same
load generator, one after the other, in rounds whose order alternates.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import noted, receiver
from bench.each import folders
from bench.figures import Spread, goal, quantile, table
from bench.load import Run, closed_loop, open_loop
from bench.noted import note
from bench.servers import KINDS, Ground, Web, cpu_since, ground, serving
from bench.traffic import Posted, Traffic, conversations

LEAST_RATIO = 0.6
MOST_P99_MS = 50.0
# On PostgreSQL, where the floor allows it.
LEAST_RATE = 1500

_FLOORS = {"lean": "bench.floor:lean()", "ordinary": "bench.floor:ordinary()"}
_NOTHING = "bench.floor:nothing"
_WARM_UP_S = 3.0
# Notifications made for a round, as a multiple of what the last one took.
_SPARE = 2.0
# Deliveries that come at once, for counting what they share.
_TOGETHER = 8


@dataclass(slots=True)
class Side:
    """One of the two: its server and what was measured of it, a value for each round."""

    web: Web
    accepted: int = 0
    refused: int = 0
    sent: list[Posted] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    database_us: list[float] = field(default_factory=list)
    full_p50: list[float] = field(default_factory=list)
    full_p99: list[float] = field(default_factory=list)
    half_p50: list[float] = field(default_factory=list)
    half_p99: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    # The share of the work that the busiest of its processes did.
    largest_share: list[float] = field(default_factory=list)

    def took(self, run: Run) -> None:
        """Count what was answered."""
        self.accepted += run.accepted
        self.refused += sum(run.statuses.values()) - run.accepted


class Comparison:
    """The rounds on one database."""

    def __init__(self, ground: Ground, options: argparse.Namespace) -> None:
        self._ground = ground
        self._seconds: float = options.seconds
        self._rounds: int = options.rounds
        self._connections: int = options.connections
        self._floor = _FLOORS[options.floor]
        self._floor_name: str = options.floor
        self._traffic = Traffic()

    def run(self) -> bool:
        """Measure, print, and tell whether all was right (goals missed are not wrong)."""
        with ExitStack() as stack:
            gateway = Side(stack.enter_context(serving(self._ground, "gateway")))
            floor = Side(stack.enter_context(serving(self._ground, "floor", self._floor)))
            self._print_generator()
            estimate = self._warm_up(gateway)
            self._warm_up(floor)
            for number in range(self._rounds):
                order = (gateway, floor) if number % 2 == 0 else (floor, gateway)
                posted = self._traffic.post(int(_SPARE * self._seconds * estimate) + 200)
                for side in order:
                    self._closed(side, posted, self._seconds)
                estimate = gateway.rates[-1]
                slow = self._traffic.post(int(_SPARE * self._seconds * estimate / 2) + 200)
                for side in order:
                    self._half(side, slow, number)
                self._print_round(number, gateway, floor)
        self._print_result(gateway, floor)
        return self._print_check(gateway, floor)

    def _warm_up(self, side: Side) -> float:
        """Let a server compile its statements and open its connections; return its rate."""
        unmeasured = Side(side.web)
        self._closed(unmeasured, self._traffic.post(int(2000 * _WARM_UP_S)), _WARM_UP_S)
        side.accepted, side.refused = unmeasured.accepted, unmeasured.refused
        side.sent = unmeasured.sent
        return unmeasured.rates[-1]

    def _requests(self, side: Side, posted: Sequence[Posted]) -> Iterator[bytes]:
        """What a side is sent: all of it once; the floor keeps no record and may begin anew."""
        requests = [one.request for one in posted]
        return iter(requests) if side.web.name == "gateway" else itertools.cycle(requests)

    def _closed(self, side: Side, posted: Sequence[Posted], seconds: float) -> None:
        self._ground.tidy()
        side.web.check()
        before, database_before = side.web.cpu(), self._ground.database_cpu()
        run = closed_loop(
            side.web.address,
            self._requests(side, posted),
            connections=self._connections,
            seconds=seconds,
        )
        used = cpu_since(before, side.web.cpu())
        total = sum(used.values())
        database = sum(cpu_since(database_before, self._ground.database_cpu()).values())
        side.took(run)
        if side.web.name == "gateway":
            side.sent += posted[: run.taken]
        side.rates.append(run.per_second)
        side.cpu_us.append(1e6 * total / max(run.accepted, 1))
        side.database_us.append(1e6 * database / max(run.accepted, 1))
        side.full_p50.append(1e3 * quantile(run.latencies, 0.50))
        side.full_p99.append(1e3 * quantile(run.latencies, 0.99))
        side.busy.append(run.busy)
        side.largest_share.append(max(used.values()) / total if total else 0.0)

    def _half(self, side: Side, posted: Sequence[Posted], seed: int) -> None:
        self._ground.tidy()
        run = open_loop(
            side.web.address,
            self._requests(side, posted),
            connections=4 * self._connections,
            seconds=self._seconds,
            rate=side.rates[-1] / 2,
            seed=seed,
        )
        side.took(run)
        if side.web.name == "gateway":
            side.sent += posted[: run.taken]
        side.half_p50.append(1e3 * quantile(run.latencies, 0.50))
        side.half_p99.append(1e3 * quantile(run.latencies, 0.99))

    # -- printing ----------------------------------------------------------------------------------

    def _print_generator(self) -> None:
        """Show that the generator is not the limit: measure it on a server that does nothing."""
        with serving(self._ground, "nothing", _NOTHING) as web:
            requests = itertools.cycle([one.request for one in self._traffic.post(500)])
            run = closed_loop(
                web.address, requests, connections=self._connections, seconds=_WARM_UP_S
            )
        print(
            f"the generator and the server alone (an endpoint that does nothing): "
            f"{run.per_second:.0f} requests/s, the generator {100 * run.busy:.0f} % of a core\n"
        )

    def _print_round(self, number: int, gateway: Side, floor: Side) -> None:
        if number == 0:
            print("round       gateway/s  floor/s  ratio   gateway at half capacity: p50   p99 ms")
        print(
            f"  {number + 1:<8} {gateway.rates[-1]:9.0f} {floor.rates[-1]:8.0f}"
            f" {gateway.rates[-1] / floor.rates[-1]:6.2f}"
            f" {gateway.half_p50[-1]:29.1f} {gateway.half_p99[-1]:6.1f}",
            flush=True,
        )

    def _print_result(self, gateway: Side, floor: Side) -> None:
        ratio = self._ratio(gateway, floor)

        def row(name: str, values: str, form: str = ".0f") -> list[str]:
            return [
                name,
                *(Spread.of(getattr(side, values)).text(form) for side in (gateway, floor)),
            ]

        rows = [
            ["median (min to max) of the rounds", "gateway", "floor"],
            row("requests/s, as many as it can take", "rates"),
            row("  ... p50 ms", "full_p50", ".1f"),
            row("  ... p99 ms", "full_p99", ".1f"),
            row("  ... CPU of the web processes, us per request", "cpu_us"),
        ]
        if self._ground.database_pid:
            rows.append(row("  ... CPU of the database server, us per request", "database_us"))
        rows += [
            row("at half of that, random arrivals: p50 ms", "half_p50", ".1f"),
            row("  ... p99 ms", "half_p99", ".1f"),
            row("the generator's part of a core", "busy", ".2f"),
        ]
        if self._ground.processes > 1:
            rows.append(row("the busiest web process's part of the work", "largest_share", ".2f"))
        print(f"\n{table(rows)}\n")
        print(f"  ratio gateway/floor: {ratio.text('.2f')}\n")
        p99 = Spread.of(gateway.half_p99)
        print(goal(f"ratio {ratio.median:.2f}, goal {LEAST_RATIO}", ratio.median >= LEAST_RATIO))
        at_once = f"{self._connections} connections"
        note(f"notifications/s to those of the {self._floor_name} floor, {at_once}",
             ratio.text(".2f"), f"at least {LEAST_RATIO}", ratio.median >= LEAST_RATIO)  # fmt: skip
        rate = Spread.of(gateway.rates)
        if self._ground.database_pid:
            note(f"notifications/s, {at_once}", rate.text(".0f"), f"at least {LEAST_RATE}",
                 rate.median >= LEAST_RATE)  # fmt: skip
            note(f"CPU of the database server, gateway / floor, us a request, {at_once}",
                 " / ".join(row("", "database_us")[1:]))  # fmt: skip
        else:
            note(f"notifications/s, {at_once}", rate.text(".0f"))
        note(f"CPU of the web processes, gateway / floor, us a request, {at_once}",
             " / ".join(row("", "cpu_us")[1:]))  # fmt: skip
        note(f"the floor's requests/s, {at_once}", row("", "rates")[2])
        note(f"p99 at half capacity, ms, {at_once}", p99.text(".1f"), f"under {MOST_P99_MS:.0f}",
             p99.median < MOST_P99_MS)  # fmt: skip
        print(
            goal(
                f"p99 at half capacity {p99.median:.1f} ms, goal under {MOST_P99_MS:.0f} ms",
                p99.median < MOST_P99_MS,
            )
        )

    def _print_check(self, gateway: Side, floor: Side) -> bool:
        """Compare the record with what was acknowledged."""
        ground = self._ground
        applied = ground.count("SELECT count(*) FROM inbox WHERE state = 'applied'")
        others = ground.count("SELECT count(*) FROM inbox WHERE state <> 'applied'")
        threads = ground.count("SELECT count(*) FROM conversations")
        kept = ground.count("SELECT count(*) FROM bench_floor")
        named = len(conversations(gateway.sent))
        right = (
            applied == gateway.accepted
            and others == 0
            and gateway.refused == floor.refused == 0
            and threads == named
            and kept == floor.accepted
        )
        print(
            f"{'RIGHT   ' if right else 'WRONG   '}gateway: {gateway.accepted} acknowledged, "
            f"{applied} applied, {others} failed or foreign, {gateway.refused} refused; "
            f"{threads} of {named} conversations; "
            f"floor: {floor.accepted} acknowledged, {kept} kept, {floor.refused} refused"
        )
        return right

    @staticmethod
    def _ratio(gateway: Side, floor: Side) -> Spread:
        return Spread.of([a / b for a, b in zip(gateway.rates, floor.rates, strict=True)])


def print_statements(kind: str, folder: Path, deliveries: int) -> None:
    """Count, in this process, what a delivery asks of the database."""
    with ground(kind, folder) as place:
        traffic = Traffic()
        warm = traffic.post(500)
        counts = receiver.count(place, traffic.post(deliveries), warm)
        shared = receiver.count(place, traffic.post(deliveries), together=_TOGETHER)
    note("statements a webhook, alone / of eight at once",
         f"{counts.per_delivery:.1f} / {shared.per_delivery:.1f}")  # fmt: skip
    note("commits a webhook, alone / of eight at once",
         f"{counts.commits_per_delivery:.2f} / {shared.commits_per_delivery:.2f}")  # fmt: skip
    print(
        f"\nstatements per webhook: {counts.per_delivery:.1f}, "
        f"commits per webhook: {counts.commits_per_delivery:.2f} "
        f"({counts.deliveries} deliveries, BEGIN and COMMIT not counted); "
        f"if {_TOGETHER} come at once: {shared.per_delivery:.1f} "
        f"and {shared.commits_per_delivery:.2f}"
    )
    rows = [["  by topic", "share", "statements"]]
    for topic, (number, statements) in sorted(
        counts.by_topic.items(), key=lambda item: -item[1][1]
    ):
        share = f"{100 * number / counts.deliveries:.0f} %"
        rows.append([f"  {topic}", share, f"{statements / number:.1f}"])
    print(table(rows))
    rows = [["  by statement", "per webhook"]]
    for name, number in counts.by_kind.most_common(20):
        rows.append([f"  {name}", f"{number / counts.deliveries:.2f}"])
    print(table(rows))


def print_profile(kind: str, folder: Path, deliveries: int) -> None:
    """Run the receiver in this process and show where its time goes."""
    traffic = Traffic()
    with ground(kind, folder) as place:
        warm = traffic.post(500)
        print(f"\n{kind}: one delivery after the other in one process, {deliveries} deliveries\n")
        print(receiver.phases(place, traffic.post(deliveries), warm))
        print("\nCPU time, sampled:\n")
        print(receiver.sampled(place, traffic.post(deliveries), traffic.post(50)))
        print("\ncProfile, by own time:\n")
        print(receiver.profiled(place, traffic.post(deliveries), traffic.post(50)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if the record is right, 1 if not. Goals are printed, they do not fail."""
    options = _parser().parse_args(arguments)
    right = True
    with folders(options) as prepared:
        for kind, folder in prepared:
            for part in ("rounds", "counted", "profiled"):
                (folder / part).mkdir()
            if options.profile:
                print_profile(kind, folder / "profiled", options.deliveries)
                continue
            print(
                f"\n{kind}: {options.rounds} rounds of {options.seconds:g} s each for gateway and "
                f"floor ({options.floor}), {options.connections} connections"
            )
            with noted.on(kind):
                with ground(kind, folder / "rounds") as place:
                    right &= Comparison(place, options).run()
                print_statements(kind, folder / "counted", options.deliveries)
    return 0 if right else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.webhook", description=__doc__)
    add = parser.add_argument
    add("--database", choices=KINDS, help="default: both, one after the other")
    add("--seconds", type=float, default=10.0, help="of each measurement (default 10)")
    add("--rounds", type=int, default=5, help="pairs of measurements (default 5)")
    add("--connections", type=int, default=16, help="requests at once at full load (default 16)")
    add(
        "--floor",
        choices=tuple(_FLOORS),
        default="lean",
        help="lean: plain WSGI, one statement; ordinary: Flask, a transaction (default lean)",
    )
    add("--folder", help="where the databases are put (default: the temporary folder)")
    add("--deliveries", type=int, default=2000, help="for counting and for --profile")
    add("--profile", action="store_true", help="only show where the receiver's time goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
