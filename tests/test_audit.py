"""The look for known holes fails if it finds one, and if it could not look."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.audit import judge

SEEN: dict[str, Any] = {"name": "flask", "version": "3.1.0", "vulns": []}
HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["3.1.1"]}
UNSEEN = {"name": "gevent", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("dependencies", "status", "if_reachable"),
    [
        ([SEEN], 0, 0),
        ([SEEN | {"vulns": [HOLE]}], 1, 1),
        ([UNSEEN, UNSEEN], 1, 0),
        ([SEEN, UNSEEN], 1, 1),  # one that is missing is no network that is away
    ],
)
def test_what_it_finds_and_what_it_did_not_see(
    dependencies: list[dict[str, Any]], status: int, if_reachable: int
) -> None:
    told = {"dependencies": dependencies}
    assert judge(told, if_reachable=False)[0] == status
    assert judge(told, if_reachable=True)[0] == if_reachable


def test_a_hole_is_named_with_what_mends_it() -> None:
    _, said = judge({"dependencies": [SEEN | {"vulns": [HOLE]}]}, if_reachable=False)
    assert said[0] == "flask 3.1.0: PYSEC-2026-1 (mended in 3.1.1)"
    _, said = judge({"dependencies": [UNSEEN]}, if_reachable=True)
    assert "NOTHING WAS AUDITED" in said[-1]
