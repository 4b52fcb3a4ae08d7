"""Rigs whose database does not wait for the disk: these are tests of thousands of conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.rig import Rig, rig


@pytest.fixture
def make_rig(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    with _making(migrated_sqlite_url, tmp_path) as make:
        yield make


@pytest.fixture
def make_rig_on_both(migrated_url: str, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    with _making(migrated_url, tmp_path) as make:
        yield make


@contextmanager
def _making(url: str, folder: Path) -> Iterator[Callable[..., Rig]]:
    def make(**channel: Any) -> Rig:
        made = stack.enter_context(rig(url, folder, **channel))
        if made.parts.database.is_sqlite:
            event.listen(made.parts.database.engine, "connect", _never_wait_for_the_disk)
        return made

    with ExitStack() as stack:
        yield make


def _never_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
