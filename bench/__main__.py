"""`python -m bench [NAME OPTIONS]`: one of the comparisons, or all of them (`make bench`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from bench import handover, live, pages, reconcile, reply, streams, webhook, widget

BENCHES: dict[str, Callable[[Sequence[str]], int]] = {
    "webhook": webhook.main,
    "reply": reply.main,
    "reconcile": reconcile.main,
    "streams": streams.main,
    "handover": handover.main,
    "pages": pages.main,
    "widget": widget.main,
    "live": live.main,
}


def main(arguments: Sequence[str]) -> int:
    """Run one with its options, or all as they come; 0 if every record was right."""
    if not arguments:
        return max(run(()) for run in BENCHES.values())
    name, *options = arguments
    if name not in BENCHES:
        print(f"there is no {name!r}; there are: {', '.join(BENCHES)}")
        return 2
    return BENCHES[name](options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
