"""The processes of a `gateway up` by what they do: the CPU that each used, the memory it holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.crash.tree import ROLES

SUPERVISOR = "supervisor"


def cpu_by_role(pid: int) -> dict[str, float]:
    """Return the seconds of CPU (user and system) that the processes of each role have used."""
    used: defaultdict[str, float] = defaultdict(float)
    for role, process in _processes(pid):
        times = process.cpu_times()
        used[role] += times.user + times.system
    return used


def memory_by_role(pid: int) -> dict[str, int]:
    """Return the bytes that the processes of each role hold: of what they share, their share."""
    held: defaultdict[str, int] = defaultdict(int)
    for role, process in _processes(pid):
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8")
        (line,) = (line for line in rollup.splitlines() if line.startswith("Pss:"))
        held[role] += 1024 * int(line.split()[1])
    return held


def _processes(pid: int) -> Iterator[tuple[str, psutil.Process]]:
    for process in (parent := psutil.Process(pid), *parent.children(recursive=True)):
        words = " ".join(process.cmdline())
        yield next((role for role, word in ROLES.items() if word in words), SUPERVISOR), process
