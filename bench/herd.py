"""A crowd of readers, and what it does to webhooks when all of it comes back at once."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import Spread, goal, quantile, table
from bench.load import open_loop
from bench.noted import note
from bench.servers import ROOT, Ground, Web, python
from bench.traffic import Traffic
from gateway.leash import leashed

MOST_S = 10.0
MOST_RATIO = 1.2


class Crowd:
    """The readers' process."""

    def __init__(self, web: Web, tokens: Path, session: str) -> None:
        host, port = web.address
        argv = python("-m", "bench.watchers", host, str(port), str(tokens), session)
        self._process = subprocess.Popen(
            leashed(argv), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def order(self, **what: Any) -> None:
        """Tell it what to do."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait until it is done."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the readers' process ended; see what it said above")
        done: dict[str, Any] = json.loads(line)
        return done

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@dataclass(slots=True)
class Half:
    """What webhooks took, in ms: all of them, and by round."""

    all: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)

    def add(self, latencies: list[float]) -> None:
        """Take those of one round, in seconds."""
        took = [1e3 * one for one in latencies]
        self.all += took
        self.p50.append(quantile(took, 0.50))
        self.p99.append(quantile(took, 0.99))


def herd(
    ground: Ground, web: Web, crowd: Crowd, traffic: Traffic, options: argparse.Namespace
) -> bool:
    """Webhooks while streams are idle, and while all of them come back; False if one was refused.

    By turns, and each time the other one first. The p99 is of all rounds together: one round has
    ten webhooks that are slower than it, or fewer.
    """
    halves = {False: Half(), True: Half()}
    took: list[float] = []
    right = True
    for number in range(options.rounds):
        for back in (False, True) if number % 2 == 0 else (True, False):
            posted = traffic.post(int(1.3 * options.seconds * options.rate) + 200)
            ground.tidy()
            if back:
                crowd.order(do="close")
                crowd.answer()
                time.sleep(1.0)
                crowd.order(do="open", count=options.streams, spread_s=options.spread)
            run = open_loop(
                web.address, iter([one.request for one in posted]), connections=64,
                seconds=options.seconds, rate=options.rate, seed=number,
            )  # fmt: skip
            right &= sum(run.statuses.values()) == run.accepted
            halves[back].add(run.latencies)
            if back:
                answer = crowd.answer()
                right &= answer["open"] == options.streams
                if answer["open"] != options.streams:
                    print(f"  not all came back: {answer['statuses']}")
                took.append(answer["seconds"] or float("inf"))
    _tell(halves[False], halves[True], took, options)
    return right


def _tell(quiet: Half, beside: Half, took: list[float], options: argparse.Namespace) -> None:
    rows = [["round", "p50", "p99 ms", "p50 beside", "p99 beside", "all back after s"]]
    for number, back_s in enumerate(took):
        figures = (quiet.p50, quiet.p99, beside.p50, beside.p99)
        rows.append(
            [f"  {number + 1}", *(f"{one[number]:.1f}" for one in figures), f"{back_s:.1f}"]
        )
    print(
        f"\n{options.streams} come back within {options.spread:g} s of each other while "
        f"{options.rate:g} webhooks/s come in, {options.rounds} pairs of {options.seconds:g} s"
    )
    print(table(rows))
    p99 = quantile(quiet.all, 0.99), quantile(beside.all, 0.99)
    ratio = p99[1] / p99[0]
    pairs = Spread.of([b / a for a, b in zip(quiet.p99, beside.p99, strict=True)])
    back = Spread.of(took)
    print(
        f"  p99 of all {len(quiet.all)} webhooks without them {p99[0]:.0f} ms, "
        f"of all {len(beside.all)} beside them {p99[1]:.0f} ms: {ratio:.2f} times "
        f"(by pair {pairs.text('.2f')}); all back after {back.text('.1f')} s"
    )
    note(f"{options.streams} back beside webhooks, s", back.text(".1f"),
         f"within {MOST_S:.0f}", max(took) <= MOST_S)  # fmt: skip
    note("webhooks' p99 beside them, to that without", f"{ratio:.2f} (pairs {pairs.text('.2f')})",
         f"at most {MOST_RATIO}", ratio <= MOST_RATIO)  # fmt: skip
    note("webhooks' p99 without and beside them, ms", f"{p99[0]:.0f} and {p99[1]:.0f}, "
         f"of {len(quiet.all)} and {len(beside.all)} webhooks")  # fmt: skip
    note("webhooks' p50 without and beside them, ms",
         f"{Spread.of(quiet.p50).text('.1f')} and {Spread.of(beside.p50).text('.1f')}")  # fmt: skip
    print(goal(f"all back within {max(took):.1f} s, goal {MOST_S:.0f} s", max(took) <= MOST_S))
    print(goal(f"webhooks' p99 {ratio:.2f} times, goal {MOST_RATIO}", ratio <= MOST_RATIO))
