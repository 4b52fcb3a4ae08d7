"""`python -m tests.planted [--all] [WORDS]`: every planted fault is noticed by its promise's check.

A fork for each fault, taken when the libraries are imported and nothing of the gateway is.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.planted.faults import FAULTS, Fault
from tests.planted.planting import plant, planted

# What every fork would import for itself. None of them imports the gateway.
_LIBRARIES = [
    "alembic.command",
    "argon2",
    "flask_smorest",
    "httpcore",
    "httpx",
    "hypothesis",
    "intercom",
    "intercom_standin.server",
    "jwt",
    "markdown_it",
    "msgspec",
    "nh3",
    "prometheus_client",
    "psycopg",
    "redis",
    "requests",
    "rq",
    "sqlalchemy.orm",
    "standardwebhooks",
    "structlog",
]
_NOTICED, _NOT_NOTICED, _NOT_PLANTED = 0, 1, 2
_WORDS = {_NOTICED: "noticed", _NOT_NOTICED: "NOT NOTICED", _NOT_PLANTED: "NOT PLANTED"}


class _Watch:
    """Counts tests that ran and failed; one that could not begin says nothing of the fault."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.broken: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            (self.broken if report.when == "setup" else self.failed).append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.broken.append(report.nodeid)


def try_out(fault: Fault) -> int:
    """Plant a fault in this process and run its checks; all of them must be red."""
    plant(fault.edits)
    for check in fault.check.split(" or "):
        kind, _, scope = check.rpartition(":")
        if kind == "exhaust":
            from tests.exhaust.__main__ import main

            noticed = main(["--scope", scope]) == 1
        else:
            watch = _Watch()
            pytest.main(
                ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=line",
                 "-W", "ignore::pytest.PytestAssertRewriteWarning", check],
                plugins=[watch],
            )  # fmt: skip
            if watch.broken:
                return _NOT_PLANTED
            noticed = bool(watch.failed)
        if not noticed:
            return _NOT_NOTICED
    return _NOTICED if planted == {edit.module for edit in fault.edits} else _NOT_PLANTED


def _in_a_fork(fault: Fault, log: Path) -> int:
    child = os.fork()
    if child == 0:
        status = _NOT_PLANTED
        try:
            with log.open("w") as told:
                os.dup2(told.fileno(), 1)
                os.dup2(told.fileno(), 2)
            status = try_out(fault)
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main(arguments: Sequence[str]) -> int:
    """Try out the short list, or `--all`; 0 if every fault was noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("--all", action="store_true", help="those that take longer, too")
    parser.add_argument(
        "words", nargs="?", default="", help="only those whose name has these words"
    )
    options = parser.parse_args(arguments)
    for library in _LIBRARIES:
        importlib.import_module(library)
    right, tried = True, 0
    with tempfile.TemporaryDirectory(prefix="gw-planted-") as folder:
        for number, fault in enumerate(FAULTS):
            wanted = options.words in f"{fault.promise} {fault.name}"
            if not wanted or (fault.more and not (options.all or options.words)):
                continue
            tried += 1
            began, log = time.monotonic(), Path(folder) / f"{number}.log"
            found = _in_a_fork(fault, log)
            seconds = time.monotonic() - began
            print(f"{_WORDS.get(found, found)}  {fault.promise}: {fault.name} ({seconds:.0f} s)",
                  flush=True)  # fmt: skip
            if found != _NOTICED:
                right = False
                print(log.read_text(errors="replace")[-4000:])
    right &= tried > 0
    print(f"{'RIGHT' if right else 'WRONG'}: {tried} faults planted")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
