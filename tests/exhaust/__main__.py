"""`python -m tests.exhaust [--scope NAME] [--seconds S]`: every interleaving, on the real code."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from gateway.store import migrate
from tests.exhaust.scene import Scene, Scope
from tests.exhaust.search import Found, Search

EVERYTHING = ("second", "takeover", "hand_back", "reconcile")
KILLED = frozenset({"kill", "drop"})
SCOPES = {
    "takeover": Scope(events=("takeover",), troubles=0),
    "killed": Scope(events=(), kinds=KILLED),
    "takeover-killed": Scope(events=("takeover",), kinds=KILLED),
    "takeover-troubled": Scope(events=("takeover",)),
    "answer-in-two": Scope(events=("takeover",), kinds=KILLED, parts=2),
    "return": Scope(events=("takeover", "hand_back"), troubles=0),
    "two-messages": Scope(events=("second", "takeover", "hand_back"), troubles=0),
    "whole-calm": Scope(events=EVERYTHING, troubles=0),
    "return-killed": Scope(events=("takeover", "hand_back"), kinds=KILLED),
    "whole": Scope(events=EVERYTHING),
}


def search(scope: Scope, template: Path, folder: Path, seconds: float) -> Found:
    """Look at all of a scope; `template` is a migrated SQLite file."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    Scene(template, folder, Scope()).warm_up()
    return Search(Scene(template, folder, scope), folder / "broken", seconds).run()


def main(arguments: Sequence[str]) -> int:
    """Search one scope or all; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.exhaust", description=__doc__)
    parser.add_argument("--scope", choices=SCOPES, help="one of them (default: one after another)")
    parser.add_argument("--seconds", type=float, default=3600, help="per scope, at most")
    options = parser.parse_args(arguments)
    right = True
    for name in [options.scope] if options.scope else SCOPES:
        with tempfile.TemporaryDirectory(prefix="gw-exhaust-") as folder:
            template = Path(folder) / "template.db"
            migrate(f"sqlite:///{template}")
            found = search(SCOPES[name], template, Path(folder), options.seconds)
        print(f"{name}: {found}", flush=True)
        for one in found.broken:
            print(f"       {one['what']}", *[f"         {step}" for step in one["trail"]],
                  *[f"       {line}" for line in one["where"]], sep="\n")  # fmt: skip
        right &= found.right
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
