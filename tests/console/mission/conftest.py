"""The place of the mission's stories, and everybody's browsers in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from gateway.store import migrate
from tests.channels.webwidget.browser.pages import Pages
from tests.console.mission.house import KEY, MissionHouse
from tests.console.mission.stage import Stage
from tests.console.window import Windows, served
from tests.services.processes import free_port


@pytest.fixture(scope="package")
def place(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[MissionHouse, str, str]]:
    """The gateway, its address, and a page of a site with the widget."""
    folder = tmp_path_factory.mktemp("mission")
    port = free_port()
    url, database_url = f"http://127.0.0.1:{port}", f"sqlite:///{folder / 'gateway.db'}"
    migrate(database_url)
    pages = Pages()
    tag = f'<script async src="{url}/widget.js" data-key="{KEY}"></script>'
    house = MissionHouse(folder, database_url, url=url, site=pages.origin)
    with house.at_work(), served(house, port):
        yield house, url, pages.page("/", head=tag)
    pages.close()


@pytest.fixture
def stage(place: tuple[MissionHouse, str, str], chromium: Browser) -> Iterator[Stage]:
    """The gateway, in which nobody has a browser open yet."""
    house, url, site = place
    made = Stage(house, Windows(house, url, chromium), site)
    yield made
    assert made.windows.troubles == []
    assert [trouble for one in made.visitors for trouble in one.troubles] == []
    made.windows.close()
    house.finish_all()
