"""Rigs whose database does not wait for the disk: these are tests of thousands of conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.rig import Rig, rig


@pytest.fixture
def make_rig(migrated_url: str, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    def make(**channel: Any) -> Rig:
        made = stack.enter_context(rig(migrated_url, tmp_path, **channel))
        if made.parts.database.is_sqlite:
            event.listen(made.parts.database.engine, "connect", _never_wait_for_the_disk)
        return made

    with ExitStack() as stack:
        yield make


def _never_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
