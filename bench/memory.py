"""`python -m bench memory`: what a whole gateway holds at rest, every process of it.

`gateway up` with everything embedded: SQLite, a Valkey of its own. Of what processes share, each is
counted its share (PSS), so the sum is what the machine would have more without it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.each import on_each
from bench.figures import goal, table
from bench.noted import note
from bench.reply import RATE_LIMIT
from bench.servers import ROOT, Ground
from bench.stage import Customers, stage
from bench.tree import memory_by_role

MOST_MB = 400.0


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Start, rest, let customers be answered, rest again; True if they were."""
    with stage(place, rate_limit=RATE_LIMIT, debounce_s=0.1, thinks_s=0.0) as on:
        gateway = on.up(PYTHONPATH=f"{_without_rich(place.folder)}{os.pathsep}{ROOT}")
        time.sleep(options.rest)
        fresh = memory_by_role(gateway.pid)
        Customers(on.standin, on.talk, 0.1).write(options.seconds, options.rate)
        on.talk.wait_for_answers()
        time.sleep(options.rest)
        worked = memory_by_role(gateway.pid)
        answered = len(on.talk.answers()) == len(on.talk.meant)
    rows = [["MB", "started", "has worked"]]
    rows += [[role, f"{_mb(fresh[role])}", f"{_mb(worked[role])}"] for role in sorted(worked)]
    whole = [sum(held.values()) / 1e6 for held in (fresh, worked)]
    print(table([*rows, ["the whole tree", *(f"{mb:.0f}" for mb in whole)]]))
    reached = max(whole) < MOST_MB
    print(goal(f"{whole[0]:.0f} MB at rest, {whole[1]:.0f} once it has worked, goal under "
               f"{MOST_MB:.0f}", reached))  # fmt: skip
    note("memory of the whole tree at rest, just started / once it has worked, MB",
         f"{whole[0]:.0f} / {whole[1]:.0f}", f"under {MOST_MB:.0f}", reached)  # fmt: skip
    print(f"{'RIGHT   ' if answered else 'WRONG   '}{len(on.talk.meant)} messages answered")
    return answered


def _without_rich(folder: Path) -> Path:
    """A folder for the front of Python's path: structlog finds no `rich`, as with users.

    It comes with developers' tools only, and structlog imports it if it is there.
    """
    made = folder / "without"
    made.mkdir()
    (made / "rich.py").write_text('raise ImportError("not here")\n', encoding="utf-8")
    return made


def _mb(held: int) -> str:
    return f"{held / 1e6:.0f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if every message was answered, else 1."""
    options = _parser().parse_args(arguments)
    return 0 if on_each(options, ": gateway up, everything embedded", measure) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench memory", description=__doc__)
    add = parser.add_argument
    add("--rest", type=float, default=10.0, help="seconds of rest before each look (default 10)")
    add("--seconds", type=float, default=10.0, help="of customers writing (default 10)")
    add("--rate", type=float, default=5.0, help="messages in a second (default 5)")
    add("--folder", help="where the database is put (default: the temporary folder)")
    parser.set_defaults(database="sqlite")
    return parser


if __name__ == "__main__":
    sys.exit(main())
