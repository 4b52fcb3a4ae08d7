"""What git keeps holds no secrets; and what looks for them would find them."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCAN = ROOT / "scripts" / "secret_scan.py"


def scanned(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCAN), *map(str, paths)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_nothing_that_git_keeps_looks_like_a_secret() -> None:
    done = scanned()
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[0]) > 500


@pytest.mark.parametrize(
    "planted",
    [
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        "gwt_" + "Ab3-_" * 8 + "xyz",
        "token = dG9r" + "O" + "jE2NzA4" * 7,
        "AKIA" + "Q7" * 8,
        "ghp_" + "a1B2" * 9,
        "DATABASE_URL=postgresql://gateway:" + "s3cr3t-enough@db.acme.example/gw",
        "sk-" + "proj-" + "aB3" * 14,
    ],
)
def test_what_is_planted_is_found(planted: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text(f"one line\nx {planted} y\n", encoding="utf-8")
    done = scanned(path)
    assert done.returncode == 1
    assert f"{path}:2: looks like" in done.stdout
    assert planted not in done.stdout  # says where, never what


def test_what_is_marked_is_none(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text(f"gwt_{secrets.token_urlsafe(32)}  # not a secret\n", encoding="utf-8")
    assert scanned(path).returncode == 0
