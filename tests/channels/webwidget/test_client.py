"""The widget's browser side by itself: its own tests, which Node runs, and its types."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.channels import webwidget

CLIENT = Path(webwidget.__file__).with_name("client")


@pytest.mark.parametrize("script", ["test", "check"])
def test_the_client_is_sound(script: str) -> None:
    npm = shutil.which("npm")
    assert npm is not None, "there is no npm on PATH; `make setup` brings it"
    assert (CLIENT / "node_modules" / "typescript").exists(), "run `make setup` (or `npm ci`)"
    ran = subprocess.run(
        [npm, "run", "--silent", script], cwd=CLIENT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, f"{ran.stdout}{ran.stderr}"
