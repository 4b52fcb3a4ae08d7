"""The console under test: mostly without network, in Chromium where a browser is the point."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.console.house import ConsoleHouse
from tests.console.people_house import PeopleHouse
from tests.console.window import Windows, served
from tests.services.processes import free_port

# What comes by itself comes within half a second; on a machine that others use it may take more.
expect.set_options(timeout=15_000)


@pytest.fixture
def house(migrated_sqlite_url: str) -> Iterator[ConsoleHouse]:
    """A gateway; `house.browser("admin").get("/sessions")` opens a page as somebody."""
    house = ConsoleHouse(migrated_sqlite_url)
    yield house
    house.parts.database.dispose()


@pytest.fixture
def on_both(migrated_url: str) -> Iterator[ConsoleHouse]:
    """The same, once on SQLite, once on PostgreSQL."""
    house = ConsoleHouse(migrated_url)
    yield house
    house.parts.database.dispose()


@pytest.fixture
def windows(migrated_sqlite_url: str, chromium: Browser) -> Iterator[Windows]:
    """A gateway that is served, and browsers: `windows.open("admin", "/console/sessions")`."""
    yield from _windows(ConsoleHouse, migrated_sqlite_url, chromium)


@pytest.fixture
def office(migrated_sqlite_url: str) -> Iterator[PeopleHouse]:
    """A gateway with the widget, whose visitors write and whose operators answer."""
    office = PeopleHouse(migrated_sqlite_url)
    yield office
    office.parts.database.dispose()


@pytest.fixture
def office_windows(migrated_sqlite_url: str, chromium: Browser) -> Iterator[Windows]:
    """The same, served, with browsers."""
    yield from _windows(PeopleHouse, migrated_sqlite_url, chromium)


def _windows(kind: type[ConsoleHouse], database_url: str, chromium: Browser) -> Iterator[Windows]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    house = kind(database_url, public_url=url)
    with served(house, port):
        windows = Windows(house, url, chromium)
        yield windows
        windows.close()
    house.parts.database.dispose()
    assert windows.troubles == []
