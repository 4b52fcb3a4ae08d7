"""The journal over a real database, alone or with a whole gateway before it."""

from collections.abc import Iterator

import pytest

from gateway.store import Database
from tests.api.house import House


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """Once on SQLite, once on PostgreSQL."""
    database = Database(migrated_url)
    yield database
    database.dispose()


@pytest.fixture
def house(migrated_url: str) -> Iterator[House]:
    """A gateway whose record is written as a channel's reports would."""
    house = House(migrated_url)
    yield house
    house.parts.database.dispose()
