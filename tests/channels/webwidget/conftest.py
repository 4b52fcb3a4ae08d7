"""A whole gateway with two widgets: real parts, real database, Flask's own client."""

from collections.abc import Iterator

import pytest

from tests.channels.webwidget.site import Site


@pytest.fixture
def site(migrated_sqlite_url: str) -> Iterator[Site]:
    """Where the database makes no difference."""
    site = Site(migrated_sqlite_url)
    yield site
    site.parts.database.dispose()


@pytest.fixture
def any_site(migrated_url: str) -> Iterator[Site]:
    """Once on SQLite, once on PostgreSQL."""
    site = Site(migrated_url)
    yield site
    site.parts.database.dispose()
