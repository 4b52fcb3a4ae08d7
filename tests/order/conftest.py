"""Two records to compare."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.postgres import PostgresServer


@pytest.fixture
def two_sqlite_urls(migrated_sqlite_url: str, tmp_path: Path) -> list[str]:
    """URLs of two SQLite files with the gateway's tables."""
    first = Path(migrated_sqlite_url.removeprefix("sqlite:///"))
    second = tmp_path / "second.db"
    for suffix in ("", "-wal"):
        part = first.with_name(first.name + suffix)
        if part.exists():
            shutil.copyfile(part, second.with_name(second.name + suffix))
    return [migrated_sqlite_url, f"sqlite:///{second}"]


@pytest.fixture
def two_postgres_urls(
    postgres_server: PostgresServer, _migrated_postgres: str
) -> Iterator[list[str]]:
    """URLs of two PostgreSQL databases with the gateway's tables."""
    names = [postgres_server.create_database(template=_migrated_postgres) for _ in range(2)]
    yield [postgres_server.url(name) for name in names]
    for name in names:
        postgres_server.drop_database(name)
