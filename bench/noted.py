"""What was measured, kept: each bench notes its figures, `--keep` puts them into the record.

    python -m bench --keep streams --database sqlite

The record is `bench/measured.json`, one line for each figure, the newest of its kind; with date,
commit, machine and the command that prints it. `docs/measured.md` is made of it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from bench import machine
from bench.servers import ROOT

RECORD = ROOT / "bench" / "measured.json"
PAGE = ROOT / "docs" / "measured.md"

_HEAD = """\
<!-- Made of bench/measured.json by `python -m bench --keep …`; a test compares the two. -->
# Measured

Every figure that this project states, with the command that prints it. What is measured, and how,
is told in [benchmarks](benchmarks.md). A goal that is missed stands here as missed.
Figures of different rows were taken at different times: compare those of one row.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure as people read it; `reached` is None where there is no goal."""

    bench: str
    database: str
    name: str
    value: str
    goal: str = ""
    reached: bool | None = None
    command: str = ""
    taken_on: str = ""
    commit: str = ""
    machine: str = ""


_noted: list[Figure] = []
_database = "sqlite"


@contextmanager
def on(database: str) -> Iterator[None]:
    """Say on which database the figures are taken that are noted inside."""
    global _database
    before, _database = _database, database
    try:
        yield
    finally:
        _database = before


def note(name: str, value: str, goal: str = "", reached: bool | None = None) -> None:
    """Note a figure; it is kept if the run was asked to, and was right."""
    _noted.append(
        Figure(bench="", database=_database, name=name, value=value, goal=goal, reached=reached)
    )


def kept(bench: str, arguments: Sequence[str], run: Callable[[], int]) -> int:
    """Run a bench; if its record was right, put what it noted into the record and the page."""
    _noted.clear()
    status = run()
    if status == 0:
        command = " ".join(("python -m bench", bench, *arguments))
        taken = (datetime.now(UTC).date().isoformat(), _commit(), _machine())
        new = [
            replace(one, bench=bench, command=command, taken_on=taken[0], commit=taken[1],
                    machine=taken[2])
            for one in _noted
        ]  # fmt: skip
        write(merged(read(), new))
    return status


def merged(old: Sequence[Figure], new: Sequence[Figure]) -> list[Figure]:
    """The newest of each kind, in a steady order."""
    by_kind = {(one.bench, one.database, one.name): one for one in (*old, *new)}
    return [by_kind[kind] for kind in sorted(by_kind)]


def read() -> list[Figure]:
    """The record."""
    if not RECORD.exists():
        return []
    return [Figure(**one) for one in json.loads(RECORD.read_text(encoding="utf-8"))]


def write(figures: Sequence[Figure]) -> None:
    """Write the record, and the page."""
    lines = ",\n".join(json.dumps(asdict(one), ensure_ascii=False) for one in figures)
    RECORD.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    PAGE.write_text(page(figures), encoding="utf-8")


def page(figures: Sequence[Figure]) -> str:
    """The record as a page."""
    parts = [_HEAD]
    machines = sorted({one.machine for one in figures})
    for bench, some in groupby(figures, key=lambda one: one.bench):
        rows = ["| figure | database | value | goal | taken | with |", "|---|---|---|---|---|---|"]
        for one in some:
            verdict = {None: "", True: "reached: ", False: "**missed**: "}[one.reached]
            rows.append(
                f"| {one.name} | {one.database} | {one.value} | {verdict}{one.goal} | "
                f"{one.taken_on}, {one.commit}, machine {machines.index(one.machine) + 1} | "
                f"`{one.command}` |"
            )
        parts += [f"\n## {bench}\n", *rows]
    parts.append("\n## Machines\n")
    parts += [f"{number}. {name}" for number, name in enumerate(machines, 1)]
    return "\n".join(parts) + "\n"


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "gateway", "intercom_standin", "bench/*.py")
    return git("rev-parse", "--short=9", "HEAD") + (" with changes" if changed else "")


def _machine() -> str:
    with tempfile.TemporaryDirectory() as folder:
        hardware, software, *_ = machine.describe(Path(folder))
    return f"{hardware.partition(': ')[2]}; {software.partition(': ')[2]}"
