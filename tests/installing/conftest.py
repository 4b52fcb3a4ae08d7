"""Towns: on both databases, or on the embedded one where the database plays no part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installing.town import Town, town


@pytest.fixture
def on_both(migrated_url: str, tmp_path: Path) -> Iterator[Town]:
    """A gateway with a public app and two workspaces, once on each database."""
    with town(migrated_url, tmp_path) as it:
        yield it


@pytest.fixture
def it(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Town]:
    """The same, on SQLite."""
    with town(migrated_sqlite_url, tmp_path) as it:
        yield it
