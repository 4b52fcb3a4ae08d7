"""Ask what is known to be vulnerable of what is locked; say so if nobody could be asked.

A look that found nothing because it saw nothing is no look: by default it fails. With
`--if-reachable` (CI) it is told and passes, as long as not one package could be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

LOCK = "requirements.lock"
_AWAY = "Could not connect"


def judge(told: Mapping[str, Any], *, if_reachable: bool) -> tuple[int, Sequence[str]]:
    """Return the exit status and what to say of what pip-audit told."""
    known = [one for one in told["dependencies"] if "skip_reason" not in one]
    unseen = [one["name"] for one in told["dependencies"] if "skip_reason" in one]
    said = [
        f"{one['name']} {one['version']}: {hole['id']} (mended in "
        f"{', '.join(hole['fix_versions']) or 'no version yet'})"
        for one in known
        for hole in one["vulns"]
    ]
    status = 1 if said else 0
    said.append(f"audit: {len(known)} packages looked up, {len(said)} known holes")
    if unseen and not known:
        said.append("audit: NOTHING WAS AUDITED, the list of known holes cannot be reached here")
        status = 0 if if_reachable else 1
    elif unseen:
        said.append(f"audit: could not be looked up: {', '.join(unseen)}")
        status = 1
    return status, said


def main(arguments: Sequence[str]) -> int:
    """Run pip-audit and judge."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--requirement", LOCK, "--require-hashes",
         "--disable-pip", "--progress-spinner", "off", "--format", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not asked.stdout.strip():
        print(asked.stderr.strip() or "audit: pip-audit said nothing", file=sys.stderr)
        return 0 if "--if-reachable" in arguments and _AWAY in asked.stderr else 1
    status, said = judge(json.loads(asked.stdout), if_reachable="--if-reachable" in arguments)
    print("\n".join(said))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
