"""Looks for secrets in what git keeps: keys and tokens in the forms that their makers give them.

    python scripts/secret_scan.py [FILE…]

Without files: everything that git tracks. Says where, never what; exits 1 if there is anything.
What a test needs to look like a secret is marked on its line with `not a secret`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = "not a secret"
FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an API token of ours": r"\bgwt_[A-Za-z0-9_-]{43}\b",
    "an Intercom token": r"\bdG9rO[A-Za-z0-9+/_-]{40,}",
    "an OpenAI key": r"\bsk-(?:proj-)?[A-Za-z0-9_-]{32,}",
    "an Anthropic key": r"\bsk-ant-[A-Za-z0-9_-]{20,}",
    "an AWS key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Google key": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a Slack token": r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
    "a Stripe key": r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "a PyPI token": r"\bpypi-[A-Za-z0-9_-]{80,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a signed JWT": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
    "a password in an address": r"\b(?:postgres(?:ql)?|rediss?|https?)://[^\s:/@{}$<>\"']+:"
    r"(?!PASSWORD@)[^\s:/@{}$<>\"'…]{8,}@(?!127\.0\.0\.1|localhost)",
}
_FORMS = {what: re.compile(form) for what, form in FORMS.items()}
_LARGEST = 2_000_000


def findings(paths: Iterable[Path]) -> Iterator[tuple[Path, int, str]]:
    """Where something looks like a secret: file, line, and what it looks like."""
    for path in paths:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            for what, form in _FORMS.items():
                if form.search(line) and MARK not in line:
                    yield path, number, what


def tracked() -> list[Path]:
    """Everything that git tracks here."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout
    return [Path(name) for name in listed.decode().split("\0") if name]


def main() -> int:
    """Tell what was found."""
    paths = [Path(name) for name in sys.argv[1:]] or tracked()
    found = list(findings(paths))
    for path, number, what in found:
        print(f"{path}:{number}: looks like {what}")
    print(f"{len(paths)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
