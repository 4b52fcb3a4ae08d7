"""The checks of the promises can fail: a fault planted for each of them is noticed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.servers import ROOT
from tests.planted.faults import FAULTS


def test_there_is_a_fault_for_every_promise() -> None:
    assert {fault.promise for fault in FAULTS if not fault.more} == {f"P{n}" for n in range(1, 8)}


@pytest.mark.slow(80)
def test_every_fault_is_noticed() -> None:
    argv = [sys.executable, "-m", "tests.planted"]
    run = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
