"""The smallest scopes of `python -m tests.exhaust`, in which every interleaving is looked at."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.servers import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["takeover", "killed"])
def test_every_interleaving(scope: str) -> None:
    # A process of its own: it forks, and gives out names that can be counted.
    argv = [sys.executable, "-m", "tests.exhaust", "--scope", scope]
    run = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "RIGHT" in run.stdout
    assert run.stdout.rstrip().endswith("; complete"), run.stdout
