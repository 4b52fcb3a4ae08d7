"""Files over a real database, in a real folder and in a place that is not one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from gateway.clock import MovableClock
from gateway.config import FileSettings
from gateway.files import Files, Links, Vault
from gateway.store import Database
from tests.desk import START


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(START)


@pytest.fixture
def database(migrated_url: str, clock: MovableClock) -> Iterator[Database]:
    """Once on SQLite, once on PostgreSQL."""
    made = Database(migrated_url, clock=clock)
    yield made
    made.dispose()


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address that fsspec knows: a folder of this machine, or its own memory."""
    if request.param == "folder":
        return str(tmp_path / "kept" / "files")
    return f"memory://files-{uuid.uuid4().hex}"


@pytest.fixture
def files(database: Database, place: str, clock: MovableClock) -> Files:
    return open_files(database, place, clock)


def open_files(
    database: Database, place: str, clock: MovableClock, vault: Vault | None = None, **rules: Any
) -> Files:
    return Files(
        database, vault or Vault(place), FileSettings(**{"max_bytes": 200_000, **rules}),
        links=Links("a secret key"), public_url="https://gateway.acme.test", clock=clock,
    )  # fmt: skip


def lying_in(place: str) -> dict[str, int]:
    """What lies there: names and sizes."""
    system, root = fsspec.url_to_fs(place)
    if not system.exists(root):
        return {}
    found = system.find(root, detail=True)
    return {path.rpartition("/")[2]: about["size"] for path, about in found.items()}
