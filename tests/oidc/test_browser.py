"""The whole way in a real browser: to the provider, back, out, and out there as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.axe import violations
from tests.console.house import ConsoleHouse
from tests.console.window import NARROW, Windows, served
from tests.oidc.house import VouchedHouse
from tests.services.identity_provider import IdentityProvider
from tests.services.processes import free_port

pytestmark = pytest.mark.browser


@pytest.fixture
def windows(
    migrated_sqlite_url: str, provider: IdentityProvider, chromium: Browser
) -> Iterator[Windows]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    house: ConsoleHouse = VouchedHouse(migrated_sqlite_url, provider, public_url=url)
    with served(house, port):
        windows = Windows(house, url, chromium)
        yield windows
        windows.close()
    house.parts.database.dispose()
    assert windows.troubles == []


def test_there_and_back_and_out(windows: Windows, provider: IdentityProvider) -> None:
    page = windows.open(None, "/console/customers")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    windows.picture(page, "sign-in-oidc")
    page.get_by_role("link", name="Sign in with Acme ID").click()
    expect(page.get_by_role("heading", name="Acme ID")).to_be_visible()
    page.get_by_role("link", name="Continue as ann").click()
    page.wait_for_url(f"{windows.url}/console/customers")
    assert "code=" not in page.url
    expect(page.get_by_role("button", name="Operator Ann")).to_be_visible()

    page.get_by_role("button", name="Operator Ann").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="You are signed out here")).to_be_visible()
    windows.allow_trouble("401")  # the page may have asked for something on its way out
    windows.picture(page, "sign-in-oidc-out")
    page.get_by_role("link", name="Sign out there, too").click()
    page.wait_for_url(f"{windows.url}/console/login")
    assert "/end_session" in provider.asked

    page.get_by_role("link", name="Sign in with Acme ID").click()
    page.get_by_role("link", name="Continue as stranger").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Nobody here has your e-mail address. Ask an administrator to add you."
    )
    assert "code=" not in page.url
    windows.picture(page, "sign-in-oidc-refused")
    _looks_well(windows, page)


def _looks_well(windows: Windows, page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    windows.picture(page, "sign-in-oidc-dark")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    windows.picture(page, "sign-in-oidc-narrow")
