"""A gateway whose channel has no helpdesk, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desk import Desk, desk


@pytest.fixture
def on_both(migrated_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk(migrated_url, tmp_path) as made:
        yield made
