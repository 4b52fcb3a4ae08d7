"""`python -m tests.exhaust [--scope NAME] [--seconds S]`: every interleaving, on the real code."""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from gateway.store import migrate
from tests.exhaust.scene import Scene
from tests.exhaust.scope import TROUBLES, Scope
from tests.exhaust.search import Found, Search
from tests.exhaust.visited import Visited

_REHEARSALS = 3
ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = ("second", "takeover", "hand_back", "reconcile")
KILLED = frozenset({"kill", "drop"})
SCOPES = {
    "takeover": Scope(events=("takeover",), troubles=0),
    "killed": Scope(events=(), kinds=KILLED),
    "repeated": Scope(events=(), kinds=frozenset({"repeat"})),
    "takeover-repeated": Scope(events=("takeover",), kinds=frozenset({"repeat"})),
    "takeover-killed": Scope(events=("takeover",), kinds=KILLED),
    "takeover-troubled": Scope(events=("takeover",)),
    "answer-in-two": Scope(events=("takeover",), kinds=KILLED, parts=2),
    "return": Scope(events=("takeover", "hand_back"), troubles=0),
    "two-messages": Scope(events=("second", "takeover", "hand_back"), troubles=0),
    "whole-calm": Scope(events=EVERYTHING, troubles=0),
    "return-killed": Scope(events=("takeover", "hand_back"), kinds=KILLED),
    "whole": Scope(events=EVERYTHING),
}


class _Place:
    """Where scopes are searched: everything imported and compiled, an empty database at hand."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        self._folder = folder
        self._options = options
        migrate(f"sqlite:///{folder / 'template.db'}")
        for number in range(_REHEARSALS):
            self._scene(Scope(), whole=False).rehearse(random.Random(number))

    def search(self, scope: Scope, *, whole: bool) -> Found:
        """Look at all of a scope; `whole`: and spare nothing."""
        calm = None
        if scope.troubles and not whole:
            # What follows once the trouble is over was often looked at where there was none.
            quiet = replace(scope, troubles=0, kinds=TROUBLES)
            calm = _opened(quiet, self._options.keep, whole=False)
            found = self._search(quiet, calm, None, whole=False)
            if not found.right or not found.complete:
                return found
            print(f"  without troubles: {found}", flush=True)
        return self._search(
            scope, _opened(scope, self._options.keep, whole=whole), calm, whole=whole
        )

    def _search(self, scope: Scope, met: Visited, calm: Visited | None, *, whole: bool) -> Found:
        scene = self._scene(scope, whole=whole)
        log = Path(tempfile.mkdtemp(dir=self._folder)) / "broken"
        seconds, processes = self._options.seconds, self._options.processes
        return Search(scene, log, seconds, met=met, calm=calm, processes=processes).run()

    def _scene(self, scope: Scope, *, whole: bool) -> Scene:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return Scene(self._folder / "template.db", folder, scope, whole=whole)


def _opened(scope: Scope, folder: Path | None, *, whole: bool) -> Visited:
    """What was looked at of a scope, if it was this very code."""
    stamp = f"{scope!r} {_code()} {whole}"
    if folder is None:
        return Visited(None, stamp.encode())
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.blake2b(f"{scope!r} {whole}".encode(), digest_size=6).hexdigest()
    return Visited(folder / f"{name}.met", stamp.encode())


def _code() -> str:
    """Tell one state of the code from another: what was met belongs to it."""
    digest = hashlib.blake2b(sys.version.encode(), digest_size=8)
    for room in ("gateway", "intercom_standin", "tests/exhaust"):
        for path in sorted((ROOT / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Search one scope or all; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.exhaust", description=__doc__)
    parser.add_argument("--scope", choices=SCOPES, nargs="+", default=list(SCOPES),
                        help="which (default: one after another)")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=3600, help="for a search (3600)")
    parser.add_argument("--processes", type=int, default=1, help="that search side by side (1)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER",
                        help="where what was looked at is kept, for later runs")  # fmt: skip
    parser.add_argument("--compare", action="store_true",
                        help="search again, and spare nothing: it must end the same")  # fmt: skip
    options = parser.parse_args(arguments)
    right = True
    with tempfile.TemporaryDirectory(prefix="gw-exhaust-") as folder:
        place = _Place(Path(folder), options)
        for name in options.scope:
            found = place.search(SCOPES[name], whole=False)
            right &= _told(name, found)
            if options.compare:
                whole = place.search(SCOPES[name], whole=True)
                right &= _told(f"{name}, nothing spared", whole)
                same = found.outcomes == whole.outcomes
                print("the same outcomes" if same else "WRONG: other outcomes")
                right &= same
    return 0 if right else 1


def _told(name: str, found: Found) -> bool:
    print(f"{name}: {found}", flush=True)
    for one in found.broken:
        print(f"       {one['what']}", *[f"         {step}" for step in one["trail"]],
              *[f"       {line}" for line in one["where"]], sep="\n")  # fmt: skip
    return found.right


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets in one order: what was met in one run must be met again in the next.
        again = [sys.executable, "-m", "tests.exhaust", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | {"PYTHONHASHSEED": "0"})
    sys.exit(main(sys.argv[1:]))
