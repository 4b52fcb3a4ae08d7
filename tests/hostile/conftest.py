"""A real web server for strangers to knock at, over an SQLite file and over PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.crash.tree import tree
from tests.hostile.door import Door


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """The webhook door of a running `gateway web`; the tests of a module share it."""
    if request.param == "sqlite":
        yield from _door("sqlite", migrated=False)
        return
    server: Any = request.getfixturevalue("postgres_server")
    name = server.create_database(template=request.getfixturevalue("_migrated_postgres"))
    yield from _door(server.url(name), migrated=True)
    server.drop_database(name)


def _door(url: str, *, migrated: bool) -> Iterator[Door]:
    with tree(url, migrated=migrated, mode="manual") as it:
        it.environ["GATEWAY_REDIS_URL"] = "redis://127.0.0.1:1"
        yield Door(it)
