"""One gateway, one site of another origin and one Chromium for all that a process tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.channels.webwidget.browser.pages import Pages
from tests.channels.webwidget.browser.shop import KEY, Operator, Shop
from tests.channels.webwidget.browser.visitor import Visitor
from tests.services.valkey import ValkeyServer

ROOT = Path(__file__).parents[4]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def pages() -> Iterator[Pages]:
    pages = Pages()
    yield pages
    pages.close()


@pytest.fixture(scope="session")
def shop(
    tmp_path_factory: pytest.TempPathFactory, valkey_server: ValkeyServer, pages: Pages
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    valkey_server.start()
    shop = Shop(f"sqlite:///{folder / 'gateway.db'}", valkey_server.url, folder, pages.origin)
    shop.start()
    yield shop
    shop.close()


@pytest.fixture(scope="session")
def aoife(shop: Shop) -> Iterator[Operator]:
    """A person who answers, through the API."""
    operator = shop.operator("Aoife Byrne")
    yield operator
    operator.close()


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browsers of people who have never met: own storage, own tabs."""
    made: list[BrowserContext] = []

    def make(**how: Any) -> BrowserContext:
        context = chromium.new_context(**{"reduced_motion": "reduce", **how})
        context.set_default_timeout(10_000)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def tag(shop: Shop) -> Callable[..., str]:
    """Makes the one line that a site adds, with options."""

    def make(key: str = KEY, **options: str) -> str:
        more = "".join(
            f' data-{name.replace("_", "-")}="{value}"' for name, value in options.items()
        )
        return f'<script async src="{shop.url}/widget.js" data-key="{key}"{more}></script>'

    return make


@pytest.fixture
def page_url(pages: Pages, tag: Callable[..., str]) -> str:
    """A page of another site with the widget on it."""
    return pages.page("/", head=tag())


@pytest.fixture
def visit(
    new_context: Callable[..., BrowserContext], page_url: str
) -> Iterator[Callable[..., Visitor]]:
    """Lets somebody come to a page; at the end nothing may have gone wrong there unheard."""
    visitors: list[Visitor] = []

    def come(url: str = page_url, context: BrowserContext | None = None, **how: Any) -> Visitor:
        opened = how.pop("open", True)
        visitor = Visitor(context or new_context(**how), url, open=opened)
        visitors.append(visitor)
        return visitor

    yield come
    assert [trouble for visitor in visitors for trouble in visitor.troubles] == []


@pytest.fixture(scope="session")
def screens() -> Path:
    """Where screenshots go: GATEWAY_SCREENS, or build/screens."""
    folder = Path(os.environ.get("GATEWAY_SCREENS") or ROOT / "build" / "screens")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
