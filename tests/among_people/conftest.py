"""A desk per test: SQLite unless the test asks for both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.desk import Desk, desk


@pytest.fixture
def make_desk(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    with ExitStack() as stack:

        def make(**more: Any) -> Desk:
            return stack.enter_context(desk(migrated_sqlite_url, tmp_path, **more))

        yield make


@pytest.fixture
def it(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def on_both(migrated_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk(migrated_url, tmp_path) as made:
        yield made
