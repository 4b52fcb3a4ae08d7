"""The console in a real Chromium: signing in, the frame of every page, administration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.console.axe import violations
from tests.console.house import PASSWORD
from tests.console.window import NARROW, Windows

pytestmark = pytest.mark.browser


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# The last event of a kind that only one act makes.
HEAR = """
const root = document.documentElement;
for (const type of ["session.handed_over", "session.returned"])
  document.addEventListener(`gateway:${type}`, () => (root.dataset.heard = type));
"""


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_signing_in_and_out(windows: Windows) -> None:
    page = windows.open(None, "/console/audit?action=hand_over")
    expect(page).to_have_title("Sign in · Acme")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    sign_in(page, "admin@acme.test", "not the password")
    expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is wrong.")
    expect(page.get_by_label("E-mail address")).to_have_value("admin@acme.test")
    expect(page.get_by_label("Password")).to_be_focused()
    windows.expect_trouble("401")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Audit log")
    assert page.url.endswith("/console/audit?action=hand_over")

    # Two pages of one browser: signing out in one sends the other to the form, too.
    other = windows.tab(page, "/console/account")
    page.get_by_role("button", name="Admin Ann").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page).to_have_title("Sign in · Acme")
    other.get_by_role("button", name="Save").click()
    expect(other).to_have_title("Sign in · Acme")
    assert "next=%2Fconsole%2Faccount" in other.url
    windows.expect_trouble("401")


def test_the_frame_of_every_page_by_keyboard(windows: Windows) -> None:
    page = windows.open("admin", "/console/sessions")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    menu = page.get_by_role("navigation", name="Pages")
    names = ["Sessions", "Human Agents", "360 View", "Deliveries", "Channels", "Operators",
             "Audit log"]  # fmt: skip
    expect(menu.locator("a > span:first-of-type")).to_have_text(names)
    expect(menu.get_by_role("link", name="Sessions")).to_have_attribute("aria-current", "page")

    # Light, dark, as the system has it: kept for the next page, which is drawn so at once.
    profile = page.get_by_role("button", name="Admin Ann")
    profile.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/console/operators")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(18, 20, 26)"
    page.get_by_role("button", name="Admin Ann").click()
    page.get_by_text("System", exact=True).click()
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")

    # Away is said in every page of this browser, and stays.
    with page.expect_request("**/api/v1/me/presence") as said:
        page.get_by_text("Away", exact=True).click()
    assert said.value.post_data == '{"state":"away"}'
    page.reload()
    dot = page.locator("[data-profile] .presence")
    expect(dot).to_have_attribute("data-presence", "away")
    page.keyboard.press("Escape")


def test_an_administrator_adds_somebody_who_then_signs_in(windows: Windows) -> None:
    page = windows.open("admin", "/console/operators")
    page.get_by_role("button", name="Add operator").click()
    dialog = page.get_by_role("dialog", name="Add operator")
    dialog.get_by_label("E-mail address").fill("viewer@acme.test")
    dialog.get_by_label("Name").fill("Nora Quinn")
    dialog.get_by_label("Password").fill("short")
    dialog.get_by_role("button", name="Add operator").click()
    expect(dialog.locator(".field-error")).to_have_text("Length must be between 8 and 256.")
    expect(dialog.get_by_label("Password")).to_be_focused()
    dialog.get_by_label("Password").fill("a long sentence")
    dialog.get_by_role("button", name="Add operator").click()
    expect(dialog.get_by_role("alert")).to_contain_text("there is an operator viewer@acme.test")
    windows.expect_trouble("422", "409")
    dialog.get_by_label("E-mail address").fill("nora@acme.test")
    dialog.get_by_role("button", name="Add operator").click()
    expect(page.get_by_role("status").filter(has_text="Operator added")).to_be_visible()
    page.get_by_role("button", name="Add team").click()
    team = page.get_by_role("dialog", name="Add team")
    team.get_by_label("Name").fill("First line")
    team.get_by_text("Nora Quinn").click()
    team.get_by_role("button", name="Add team").click()
    expect(page.get_by_text("First line · 1 person")).to_be_visible()
    page.get_by_role("link", name="Nora Quinn").click()
    expect(page.get_by_label("First line")).to_be_checked()

    page.get_by_label("Open sessions at most").fill("4")
    page.get_by_label("Days off").fill("2026-12-25, 2026-12-26")
    page.get_by_label("Working hours").fill("Mon-Fri 9-17")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field-error")).to_be_visible()
    windows.expect_trouble("422")
    page.get_by_label("Working hours").fill("Mon-Fri 09:00-17:00")
    page.get_by_label("acme-intercom").fill("5005")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(page.get_by_label("Open sessions at most")).to_have_value("4")

    # A token is shown once: here and now.
    page.get_by_role("button", name="New token").click()
    token = page.locator("[data-token]")
    expect(token).to_contain_text("gwt_")
    secret = token.inner_text()
    expect(page.get_by_role("button", name="Revoke")).to_have_count(1)
    expect(token).to_have_text(secret)
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(page.locator("#tokens").get_by_text("Revoked", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text("gwt_")).to_have_count(0)

    nora = windows.open(None, "/console")
    sign_in(nora, "nora@acme.test", "a long sentence")
    nora.wait_for_url("**/console/human-agents")
    nora.goto("about:blank")  # an open page would be told as well, sooner or later
    page.get_by_role("button", name="Deactivate").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(page.get_by_role("button", name="Activate", exact=True)).to_be_visible()
    nora.goto("/console/account")
    expect(nora).to_have_title("Sign in · Acme")


def test_ones_own_picture(windows: Windows, tmp_path: Path) -> None:
    page = windows.open("operator", "/console/account")
    (tmp_path / "me.png").write_bytes(
        page.screenshot(clip={"x": 0, "y": 0, "width": 600, "height": 400})
    )
    (tmp_path / "me.txt").write_text("no picture")
    use = page.get_by_role("button", name="Use this picture")
    choose = page.get_by_label("Choose a picture")
    expect(use).to_be_disabled()
    choose.set_input_files(tmp_path / "me.txt")
    expect(page.get_by_role("alert")).to_contain_text("cannot read it as a picture")
    expect(use).to_be_disabled()
    choose.set_input_files(tmp_path / "me.png")
    seen = page.locator("form[data-picture] .avatar img")
    expect(seen).to_have_js_property("naturalWidth", 256)
    expect(page.get_by_role("alert")).to_have_count(0)
    use.click()
    expect(page.get_by_text("Picture saved")).to_be_visible()
    face = page.locator(".profile-button .avatar img")
    expect(face).to_have_js_property("naturalWidth", 256)
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("Picture removed")).to_be_visible()
    expect(page.locator(".profile-button .avatar")).to_have_text("OA")


def test_all_pages_of_a_browser_share_one_stream(windows: Windows) -> None:
    page = windows.open("operator", "/console/sessions")
    pages = [page, *(windows.tab(page, "/console/customers") for _ in range(7))]
    for one in pages:
        one.evaluate(HEAR)
    session = windows.house.session()
    windows.house.post(f"/sessions/{session}/handover", role="operator")
    for one in pages:
        expect(one.locator("html")).to_have_attribute("data-heard", "session.handed_over")
    assert len(windows.house.parts.streams) == 1
    # The one that follows is closed: another goes on.
    pages[0].close()
    windows.house.post(f"/sessions/{session}/hand_back", role="operator")
    for one in pages[1:]:
        expect(one.locator("html")).to_have_attribute("data-heard", "session.returned")


def test_no_other_site_can_frame_or_use_the_console(windows: Windows) -> None:
    page = windows.open("admin", "/console/sessions")
    session = windows.house.session()
    evil = page.context.new_page()
    evil.route("http://evil.test/", lambda route: route.fulfill(
        content_type="text/html",
        body=f"<iframe src='{windows.url}/console/sessions'></iframe>"
        f"<form method=post action='{windows.url}/api/v1/sessions/{session}/handover'>"
        "<button>Win a prize</button></form>",
    ))  # fmt: skip
    evil.goto("http://evil.test/")
    frame = evil.frames[1]
    assert frame.url.startswith("chrome-error://") or "Sessions" not in frame.content()
    with evil.expect_navigation():
        evil.get_by_role("button").click()
    assert "not_authentic" in evil.content()  # SameSite: the cookie did not even come along
    assert windows.house.get(f"/sessions/{session}").json["mode"] == "ai"


def in_both(page: Page) -> list[Any]:
    """What axe finds in light and in dark."""
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found += [(scheme, one) for one in violations(page, contrast_alone=scheme == "dark")]
    return found


def test_axe_finds_nothing(windows: Windows) -> None:
    house = windows.house
    house.post("/teams", {"name": "First line", "member_ids": [house.ids["viewer"]]}, "admin")
    page = windows.open(None, "/console/login")
    assert in_both(page) == []
    sign_in(page, "admin@acme.test")
    page.wait_for_url("**/console/sessions")
    for path in (
        f"/operators/{house.ids['viewer']}", "/audit", "/audit?action=none", "/account",
        "/no/such/page",
    ):  # fmt: skip
        page.goto(f"/console{path}")
        assert in_both(page) == [], path
    windows.expect_trouble("404")
    page.goto("/console/operators")
    assert in_both(page) == []
    page.get_by_role("button", name="Add operator").click()
    assert in_both(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Admin Ann").click()
    assert in_both(page) == []


def test_narrow_pages_and_large_letters_fit(windows: Windows) -> None:
    house = windows.house
    long = "Bartholomew-Maximilian Featherstonehaugh of Somewhere Very Far Away Indeed"
    house.call("PATCH", f"/operators/{house.ids['viewer']}", "admin", json={"name": long})
    house.call("PATCH", f"/operators/{house.ids['admin']}", "admin", json={"name": "محمد الخطيب"})
    page = windows.open("admin", "/console/operators", viewport=NARROW)
    for path in ("/operators", f"/operators/{house.ids['viewer']}", "/audit", "/account"):
        page.goto(f"/console{path}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= NARROW["width"], (path, wide)
    menu = page.get_by_role("navigation", name="Pages")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    menu.get_by_role("link", name="Operators").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Operators")
