"""A rig per test: SQLite unless the test asks for both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rig import Rig, rig


@pytest.fixture
def make_rig(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    with ExitStack() as stack:
        yield lambda **channel: stack.enter_context(rig(migrated_sqlite_url, tmp_path, **channel))


@pytest.fixture
def it(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig()


@pytest.fixture
def on_both(migrated_url: str, tmp_path: Path) -> Iterator[Rig]:
    with rig(migrated_url, tmp_path) as made:
        yield made
