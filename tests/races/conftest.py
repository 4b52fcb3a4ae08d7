"""A rig per test that at its end must have kept the promises P5 and P6."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.races.moves import agree
from tests.rig import Rig, rig


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)


@contextmanager
def _rigs(url: str, folder: Path) -> Iterator[Callable[..., Rig]]:
    with ExitStack() as stack:
        made: list[Rig] = []

        def make(**channel: object) -> Rig:
            made.append(stack.enter_context(rig(url, folder, **channel)))
            return made[-1]

        yield make
        for one in made:
            agree(one)


@pytest.fixture
def make_rig(migrated_url: str, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Make a rig with settings of its channel, on either database."""
    with _rigs(migrated_url, tmp_path) as make:
        yield make


@pytest.fixture
def on_both(make_rig: Callable[..., Rig]) -> Rig:
    """For what locks and claims decide, and for one way through everything else."""
    return make_rig()


@pytest.fixture
def make_one(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """The same on SQLite alone, for what no database could change."""
    with _rigs(migrated_sqlite_url, tmp_path) as make:
        yield make


@pytest.fixture
def it(make_one: Callable[..., Rig]) -> Rig:
    return make_one()
