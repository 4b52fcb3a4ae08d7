"""The story as a person starts it: a real process tree, and an exit status that means something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STEPS = (
    "A customer writes, and the AI answers",
    "Aoife assigns the conversation to herself",
    "The customer writes again, and the AI keeps silent",
    "Aoife answers",
    "Aoife assigns the conversation back to the AI",
    "The customer wants more than the AI may give",
    "A visitor of the shop's page asks the AI",
    "The visitor wants a person, and Aoife comes",
    "Aoife puts the AI back in charge",
)


@pytest.mark.slow(25)
def test_every_step_happens(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--story"],
        cwd=Path(__file__).parents[2],
        env={**environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = done.stdout
    assert done.returncode == 0, told + done.stderr
    assert done.stderr == ""
    for number, title in enumerate(STEPS, start=1):
        assert f"\n{number}. {title}\n" in told
    assert told.count("\n  ✓ ") == len(STEPS)
    assert "✗" not in told
    assert "\x1b" not in told  # colours are for terminals
    for marker in ("Transfer to human agent at ", "was assigned by ", "Returned to the AI agent"):
        assert marker in told
    # Nothing is left of it.
    assert not list(tmp_path.glob("gateway-demo-*"))
