"""`python -m bench scale`: a gateway as a company runs it, on PostgreSQL and Valkey.

Web processes behind a balancer, workers and schedulers, a process each. Four parts, one after the
other unless one is named: `restarts` (each is restarted under load, then a third is killed at
once), `web` and `workers` (how much more so many processes carry), `many` (what installations cost
in which nothing happens).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from bench.each import on_each
from bench.scale import answering, many, receiving, restarts
from bench.servers import Ground

PARTS: dict[str, Callable[[Ground, argparse.Namespace], bool]] = {
    "restarts": restarts.measure,
    "web": receiving.measure,
    "workers": answering.measure,
    "many": many.measure,
}
_ROLES = "web,web,turns,deliver,deliver,sync,scheduler,scheduler"


def main(arguments: Sequence[str]) -> int:
    """Measure; 0 if every record was right."""
    options = _parser().parse_args(arguments)
    right = True
    for name in [options.part] if options.part else PARTS:
        right &= on_each(options, f": {name}", PARTS[name])
    return 0 if right else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench scale", description=__doc__)
    add = parser.add_argument
    add("--part", choices=PARTS, help="one of them (default: all)")
    add("--folder", help="where the databases are put (default: the temporary folder)")
    add("--processes", default=_ROLES, help=f"for restarts, by role (default {_ROLES})")
    add("--restart", default="", help="roles that are restarted (default: all)")
    add("--rate", type=float, default=3.0, help="conversations begun in a second (default 3)")
    add("--drain", type=int, default=3, help="seconds a web process drains (default 3)")
    add("--kills", type=int, default=4, help="times that a third is killed (default 4)")
    add("--calm", type=float, default=3.0, help="seconds between restarts (default 3)")
    add("--steps", default="1,2,4", help="how many processes, for web and workers (1,2,4)")
    add("--rounds", type=int, default=3, help="of each number of processes (default 3)")
    add("--seconds", type=float, default=8.0, help="of each round of web (default 8)")
    add("--connections", type=int, default=16, help="requests at once, for web (default 16)")
    add("--messages", type=int, default=800, help="in each round of workers (default 800)")
    add("--installations", type=int, default=10_000, help="for many (default 10000)")
    parser.set_defaults(database="postgresql")
    return parser
