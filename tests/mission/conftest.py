"""Every sentence of the mission in both worlds; MISSION_DATABASE=postgresql asks the other one."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.mission.worlds import World, world

WORLDS = ("intercom", "without a helpdesk")


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    kind = os.environ.get("MISSION_DATABASE", "sqlite")
    found: str = request.getfixturevalue(
        f"migrated_{'postgres' if kind == 'postgresql' else kind}_url"
    )
    return found


@pytest.fixture(params=WORLDS)
def make_world(
    request: pytest.FixtureRequest, url: str, tmp_path: Path
) -> Iterator[Callable[..., World]]:
    with ExitStack() as stack:

        def make(**rules: Any) -> World:
            return stack.enter_context(world(request.param, url, tmp_path, **rules))

        yield make


@pytest.fixture
def it(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def intercom(url: str, tmp_path: Path) -> Iterator[World]:
    with world("intercom", url, tmp_path) as made:
        yield made
