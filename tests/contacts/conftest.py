"""Customers in a real database, without a web in front of it."""

from collections.abc import Iterator

import pytest

from tests.contacts.town import Town


@pytest.fixture
def town(migrated_url: str) -> Iterator[Town]:
    """Once on SQLite, once on PostgreSQL."""
    town = Town(migrated_url)
    yield town
    town.database.dispose()


@pytest.fixture
def sqlite_town(migrated_sqlite_url: str) -> Iterator[Town]:
    """Where the database makes no difference."""
    town = Town(migrated_sqlite_url)
    yield town
    town.database.dispose()
