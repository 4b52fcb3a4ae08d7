"""A watched gateway, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.watch.watcher import Watcher, watcher


@pytest.fixture
def it(migrated_url: str, tmp_path: Path) -> Iterator[Watcher]:
    """Once on SQLite, once on PostgreSQL; reconciling is said to run."""
    with watcher(migrated_url, tmp_path, reconcile_every_s=600.0) as made:
        yield made


@pytest.fixture
def lite(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Watcher]:
    """On SQLite, where no SQL is in question."""
    with watcher(migrated_sqlite_url, tmp_path, reconcile_every_s=600.0) as made:
        yield made
