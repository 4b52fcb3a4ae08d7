"""A gateway with two channels, a subscriber and a Valkey, and a person who left marks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privacy.world import World, world


@pytest.fixture
def it(migrated_url: str, valkey_url: str, tmp_path: Path) -> Iterator[World]:
    """Once on SQLite, once on PostgreSQL."""
    with world(migrated_url, valkey_url, tmp_path) as made:
        yield made


@pytest.fixture
def lite(migrated_sqlite_url: str, valkey_url: str, tmp_path: Path) -> Iterator[World]:
    """Where the database makes no difference."""
    with world(migrated_sqlite_url, valkey_url, tmp_path) as made:
        yield made
