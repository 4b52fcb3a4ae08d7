"""An administrator exports and erases a customer in the browser; nobody else can."""

from __future__ import annotations

import zipfile

import pytest
from playwright.sync_api import expect

from tests.console.axe import violations
from tests.console.test_customers import customer
from tests.console.window import NARROW, Windows

pytestmark = pytest.mark.browser


def test_a_customer_is_exported_and_erased(windows: Windows) -> None:
    house = windows.house
    house.session("1001", "my parcel is lost")
    carol = house.get("/contacts?q=carol").json["items"][0]["id"]
    looks = windows.open("operator", f"/console/customers/{carol}")
    expect(looks.get_by_role("heading", name="Contact details")).to_be_visible()
    expect(looks.get_by_role("button", name="Export")).to_have_count(0)
    page = windows.open("admin", f"/console/customers/{carol}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert b"my parcel is lost" in archive.read("person.json")
    assert download.value.suggested_filename == f"{carol}.zip"

    page.get_by_role("button", name="Erase…").click()
    dialog = page.get_by_role("dialog", name="Erase this customer")
    expect(dialog.get_by_text("What stays, and why")).to_be_visible()
    expect(dialog.get_by_role("link", name="1001")).to_be_visible()
    dialog.get_by_label("Reason").fill("asked for it")
    dialog.get_by_label("To confirm").fill("Caroline")
    windows.picture(page, "customers-erase")
    assert violations(page) == []
    dialog.get_by_role("button", name="Erase", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("nothing was erased")
    windows.expect_trouble("409")
    dialog.get_by_label("To confirm").fill("Carol")
    dialog.get_by_role("button", name="Erase", exact=True).click()
    expect(page.get_by_text("Customer erased")).to_be_visible()
    expect(page.get_by_role("heading", name="Erased customer")).to_be_visible()
    expect(page.get_by_text("by Admin Ann: asked for it")).to_be_visible()
    expect(page.get_by_role("button", name="Erase…")).to_have_count(0)
    assert violations(page) == []
    windows.picture(page, "customers-erased")
    page.set_viewport_size(NARROW)
    windows.picture(page, "customers-erased-narrow")
    page.get_by_role("link", name="acme-intercom").click()
    expect(page.get_by_text("my parcel is lost")).to_have_count(0)


def test_others_than_administrators_are_refused(windows: Windows) -> None:
    ann = customer(windows.house, "a1", name="Ann")
    for role in ("viewer", "operator"):
        body = {"confirm": "Ann", "reason": "none"}
        for path, json in (("erase", body), ("export", None)):
            answer = windows.house.post(f"/contacts/{ann}/{path}", json, role=role)
            assert answer.status_code == 403
        assert windows.house.get(f"/contacts/{ann}/erasure", role=role).status_code == 403
    assert windows.house.get(f"/contacts/{ann}").json["name"] == "Ann"
