"""`python -m bench flood`: what a flood costs those who have nothing to do with it.

One workspace delivers at a steady rate, alone and beside a flood, in pairs of rounds whose order
alternates. Reported is how its p99 beside the flood stands to its p99 alone. A flood is a process
of its own (`bench.flooder`) that sends the next request as soon as one is answered, on many
connections: of what nobody signed, of what is signed wrongly, of another workspace's own
notifications, of one visitor's messages; or it waits for no answer, and sends what nobody signed on
a connection of its own each time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.each import on_each
from bench.figures import Spread, goal, quantile, table
from bench.flooder import KINDS, OTHER, SHOP, SHOP_KEY, SHOP_ORIGIN
from bench.load import Connection, Run, connected, open_loop
from bench.noted import note
from bench.servers import KINDS as DATABASES
from bench.servers import Ground, Web, environment, python, serving
from bench.traffic import ACCESS_TOKEN, CLIENT_SECRET, Posted, Traffic, conversations
from gateway.leash import leashed
from intercom_standin.cast import BOT_ADMIN_ID

MOST_RATIO = 1.5
_WARM_UP_S = 2.0
# A round of the flood goes on for a little longer than what is measured beside it.
_LONGER_S = 0.5
_BEFORE_S = 1.0
_OTHERS = 16

_MORE = f"""
[channels.{OTHER}]
kind = "intercom"
agent = "support"
access_token = "{ACCESS_TOKEN}"
client_secret = "{CLIENT_SECRET}"
bot_admin_id = "{BOT_ADMIN_ID}"
base_url = "http://127.0.0.1:9"

[channels.{SHOP}]
kind = "webwidget"
agent = "support"
key = "{SHOP_KEY}"
allowed_origins = ["{SHOP_ORIGIN}"]
"""


@dataclass(slots=True)
class Pairs:
    """What was measured of one kind of flood, a value for each pair of rounds."""

    alone_ms: list[float] = field(default_factory=list)
    beside_ms: list[float] = field(default_factory=list)
    flooded: list[float] = field(default_factory=list)
    # What a request of the flood costs the server.
    cpu_us: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def ratio(self) -> Spread:
        """How the p99 beside the flood stands to the one alone."""
        pairs = zip(self.beside_ms, self.alone_ms, strict=True)
        return Spread.of([beside / alone for beside, alone in pairs])


class Floods:
    """The rounds on one database."""

    def __init__(self, ground: Ground, options: argparse.Namespace) -> None:
        self._ground = ground
        self._options = options
        self._traffic = Traffic()
        self._sent: list[Posted] = []
        self._answers: Counter[int] = Counter()

    def run(self) -> bool:
        """Measure, print, and tell whether every delivery of the others was kept."""
        options = self._options
        with self._ground.config.open("a", encoding="utf-8") as file:
            file.write(_MORE)
        measured: dict[str, Pairs] = {}
        with serving(self._ground, "gateway") as web:
            self._round(web, _WARM_UP_S, 0)
            for kind in options.kind or KINDS:
                measured[kind] = pairs = Pairs()
                for number in range(options.rounds):
                    self._pair(web, kind, pairs, number)
        self._print(measured)
        return self._check()

    def _pair(self, web: Web, kind: str, pairs: Pairs, number: int) -> None:
        seconds = self._options.seconds
        for beside in (False, True) if number % 2 == 0 else (True, False):
            self._ground.tidy()
            web.check()
            with connected(web.address, _OTHERS) as standing:
                before = sum(web.cpu().values())
                if not beside:
                    run = self._round(web, seconds, number, standing)
                    alone_s = sum(web.cpu().values()) - before
                    pairs.alone_ms.append(1e3 * quantile(run.latencies, 0.99))
                    continue
                with flood(kind, web, self._options, number) as (said, begin):
                    # It breaks in upon others who come, on connections that they have.
                    self._round(web, _BEFORE_S, number, standing)
                    before = sum(web.cpu().values())
                    begin()
                    run = self._round(web, seconds, number, standing)
            beside_s = sum(web.cpu().values()) - before
            pairs.beside_ms.append(1e3 * quantile(run.latencies, 0.99))
            requests = sum(said["statuses"].values())
            pairs.flooded.append(requests / said["seconds"])
            pairs.answers.update(said["statuses"])
        pairs.cpu_us.append(1e6 * (beside_s - alone_s) / max(requests, 1))

    def _round(
        self, web: Web, seconds: float, seed: int, standing: Sequence[Connection] | None = None
    ) -> Run:
        posted = self._traffic.post(int(2 * seconds * self._options.rate) + 50)
        run = open_loop(
            web.address, iter([one.request for one in posted]), connections=_OTHERS,
            seconds=seconds, rate=self._options.rate, seed=seed, standing=standing,
        )  # fmt: skip
        self._sent += posted[: run.taken]
        self._answers.update(run.statuses)
        return run

    def _print(self, measured: dict[str, Pairs]) -> None:
        rows = [["flood", "others' p99 alone, ms", "beside it, ms", "ratio", "flood, requests/s",
                 "CPU of each, us", "answered"]]  # fmt: skip
        for kind, pairs in measured.items():
            alone, beside = Spread.of(pairs.alone_ms), Spread.of(pairs.beside_ms)
            told = " ".join(f"{status}: {count}" for status, count in sorted(pairs.answers.items()))
            rows.append(
                [kind, alone.text(".1f"), beside.text(".1f"),
                 pairs.ratio().text(".2f"), Spread.of(pairs.flooded).text(".0f"),
                 Spread.of(pairs.cpu_us).text(".0f"), told]
            )  # fmt: skip
        print(f"\n{table(rows)}\n")
        for kind, pairs in measured.items():
            ratio = pairs.ratio()
            reached = ratio.median <= MOST_RATIO
            print(goal(f"{kind}: ratio {ratio.median:.2f}, goal at most {MOST_RATIO}", reached))
            note(f"others' p99 beside a flood ({kind}) to theirs alone", ratio.text(".2f"),
                 f"at most {MOST_RATIO}", reached)  # fmt: skip

    def _check(self) -> bool:
        applied = self._ground.count(
            "SELECT count(*) FROM inbox WHERE state = 'applied' AND channel = 'acme-intercom'"
        )
        accepted = self._answers[200]
        right = applied == accepted == sum(self._answers.values())
        print(
            f"{'RIGHT   ' if right else 'WRONG   '}the others: {len(self._sent)} sent, "
            f"{accepted} acknowledged, {applied} applied, "
            f"{len(conversations(self._sent))} conversations; answers {dict(self._answers)}"
        )
        return right


@contextmanager
def flood(
    kind: str, web: Web, options: argparse.Namespace, seed: int
) -> Iterator[tuple[dict[str, Any], Callable[[], None]]]:
    """A flood that begins when told to; afterwards what it was answered."""
    host, port = web.address
    argv = python(
        "-m", "bench.flooder", kind, host, str(port), str(options.seconds + _LONGER_S),
        str(options.connections), str(seed + 1),
    )  # fmt: skip
    said: dict[str, Any] = {}
    with subprocess.Popen(
        leashed(argv), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        stdin = process.stdin

        def begin() -> None:
            stdin.write("go\n")
            stdin.flush()

        yield said, begin
        said.update(json.loads(process.stdout.readline()))
    if process.returncode:
        raise RuntimeError(f"the flood ended with status {process.returncode}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if the record is right, 1 if not. Goals are printed, they do not fail."""
    options = _parser().parse_args(arguments)
    conditions = (
        f": {options.rounds} pairs of rounds of {options.seconds:g} s for each flood; the others "
        f"{options.rate:g}/s, a flood on {options.connections} connections"
    )
    right = on_each(options, conditions, lambda place, told: Floods(place, told).run())
    return 0 if right else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench flood", description=__doc__)
    add = parser.add_argument
    add("--database", choices=DATABASES, help="default: both, one after the other")
    add("--kind", choices=KINDS, action="append", help="default: each; may be repeated")
    add("--seconds", type=float, default=10.0, help="of each round (default 10)")
    add("--rounds", type=int, default=5, help="pairs of rounds (default 5)")
    add("--rate", type=float, default=50.0, help="the others' notifications/s (default 50)")
    add("--connections", type=int, default=32, help="of a flood (default 32)")
    add("--folder", help="where the databases are put (default: the temporary folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
