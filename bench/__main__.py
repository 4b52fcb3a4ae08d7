"""`python -m bench [--keep] [NAME OPTIONS]`: a comparison, or all of them (`make bench`).

With `--keep` the figures go into `bench/measured.json` and `docs/measured.md`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial

from bench import (
    backfill,
    chaos,
    flood,
    growth,
    handover,
    live,
    memory,
    pages,
    reconcile,
    reply,
    scale,
    streams,
    upgrade,
    webhook,
    widget,
)
from bench.noted import kept
from gateway.logs import set_up_logging

BENCHES: dict[str, Callable[[Sequence[str]], int]] = {
    "webhook": webhook.main,
    "reply": reply.main,
    "reconcile": reconcile.main,
    "backfill": backfill.main,
    "streams": streams.main,
    "handover": handover.main,
    "pages": pages.main,
    "widget": widget.main,
    "live": live.main,
    "memory": memory.main,
    "chaos": chaos.main,
    "upgrade": upgrade.main,
    "flood": flood.main,
    "scale": scale.main,
    "growth": growth.main,
}


def main(arguments: Sequence[str]) -> int:
    """Run one with its options, or all as they come; 0 if every record was right."""
    set_up_logging(logging.WARNING)  # a line for each notification is not what is looked for here
    keeping = bool(arguments) and arguments[0] == "--keep"
    if keeping:
        arguments = arguments[1:]
    name, *options = arguments or [""]
    if name and name not in BENCHES:
        print(f"there is no {name!r}; there are: {', '.join(BENCHES)}")
        return 2
    return max(_run(one, options, keeping) for one in ([name] if name else BENCHES))


def _run(name: str, options: Sequence[str], keeping: bool) -> int:
    run = partial(BENCHES[name], options)
    return kept(name, options, run) if keeping else run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
