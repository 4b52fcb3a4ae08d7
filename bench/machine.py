"""The machine a figure was measured on, in a few lines: figures without it mean nothing."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from pathlib import Path

import psutil


def describe(folder: Path) -> list[str]:
    """Return what matters about this machine; `folder` is where the databases lie."""
    memory = psutil.virtual_memory().total / 2**30
    busy = psutil.cpu_percent(interval=0.5)
    return [
        f"machine: {os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}",
        f"software: Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"disk: {_file_system(folder)} at {folder}, 4 kB written and synced in "
        f"{1e6 * _sync_seconds(folder):.0f} us (median)",
        f"others: {busy:.0f} % of the processors busy before the start, "
        f"load {os.getloadavg()[0]:.1f}",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _file_system(folder: Path) -> str:
    there = os.path.realpath(folder)
    mounts = [
        (part.mountpoint, part.fstype)
        for part in psutil.disk_partitions(all=True)
        if there == part.mountpoint or there.startswith(part.mountpoint.rstrip("/") + "/")
    ]
    return max(mounts, key=lambda mount: len(mount[0]))[1] if mounts else "unknown file system"


def _sync_seconds(folder: Path) -> float:
    """Measure how long a durable write takes here: every commit waits for one."""
    path, took = folder / "sync-probe", []
    with path.open("wb", buffering=0) as file:
        for _ in range(100):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(took)
