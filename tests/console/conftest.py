"""The console under test: mostly without network, in Chromium where a browser is the point."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.console.house import ConsoleHouse
from tests.console.window import Windows, served


@pytest.fixture
def house(migrated_sqlite_url: str) -> Iterator[ConsoleHouse]:
    """A gateway; `house.browser("admin").get("/sessions")` opens a page as somebody."""
    house = ConsoleHouse(migrated_sqlite_url)
    yield house
    house.parts.database.dispose()


@pytest.fixture
def windows(migrated_sqlite_url: str, chromium: Browser) -> Iterator[Windows]:
    """A gateway that is served, and browsers: `windows.open("admin", "/console/sessions")`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    house = ConsoleHouse(migrated_sqlite_url, public_url=url)
    with served(house, port):
        windows = Windows(house, url, chromium)
        yield windows
        windows.close()
    house.parts.database.dispose()
    assert windows.troubles == []
