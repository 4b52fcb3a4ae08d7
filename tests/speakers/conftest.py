"""A rig per test, with the rules that its agent lives under."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.rig import Rig, rig

Make = Callable[..., Rig]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)


def _rigs(url: str, folder: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def make(channel: Mapping[str, Any] | None = None, **rules: object) -> Rig:
            return stack.enter_context(rig(url, folder, agent_rules=rules, **(channel or {})))

        yield make


@pytest.fixture
def make(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Make]:
    """Make a rig whose agent has these rules."""
    yield from _rigs(migrated_sqlite_url, tmp_path)


@pytest.fixture
def make_on_both(migrated_url: str, tmp_path: Path) -> Iterator[Make]:
    """The same, on either database."""
    yield from _rigs(migrated_url, tmp_path)
