"""A whole gateway without network: real parts, real database, Flask's own client."""

from collections.abc import Iterator

import pytest

from tests.api.house import House


@pytest.fixture
def house(migrated_url: str) -> Iterator[House]:
    """Once on SQLite, once on PostgreSQL."""
    house = House(migrated_url)
    yield house
    house.parts.database.dispose()


@pytest.fixture
def sqlite_house(migrated_sqlite_url: str) -> Iterator[House]:
    """Where the database makes no difference."""
    house = House(migrated_sqlite_url)
    yield house
    house.parts.database.dispose()
