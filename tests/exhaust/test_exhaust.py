"""The smallest scopes of `python -m tests.exhaust`, in which every interleaving is looked at."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.servers import ROOT


@pytest.mark.slow(40)
def test_every_interleaving() -> None:
    # A process of its own: it forks, and gives out names that can be counted.
    argv = [sys.executable, "-m", "tests.exhaust", "--scope", "takeover", "killed"]
    run = subprocess.run(
        [*argv, "--compare"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("RIGHT") == 5  # `killed` twice, and without anybody killed
    assert run.stdout.count("; complete") == 5
    assert run.stdout.count("the same outcomes") == 2
