"""The inbox page in a real browser: what a person does, what a person sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from intercom_standin import StandIn
from intercom_standin.cast import AOIFE_ID

pytestmark = pytest.mark.browser


@pytest.fixture
def page(standin: StandIn, chromium: Browser) -> Iterator[Page]:
    """The inbox page; any script error or blocked resource fails the test."""
    page = chromium.new_page()
    page.set_default_timeout(10_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda message: troubles.append(message.text) if message.type == "error" else None,
    )
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    page.goto(standin.base_url)
    yield page
    page.close()
    assert troubles == []


def test_a_person_plays_customer_and_team(page: Page, standin: StandIn) -> None:
    expect(page).to_have_title("Intercom stand-in")
    page.get_by_role("button", name="New conversation").first.click()
    page.get_by_label("Name").fill("Nora Quinn")
    page.get_by_label("Message", exact=True).last.fill("<img src=x onerror=alert(1)> Hello")
    page.get_by_role("button", name="Start conversation").click()
    messages = page.get_by_role("log", name="Messages")
    expect(messages).to_contain_text("<img src=x onerror=alert(1)> Hello")
    (conversation,) = standin.world.conversations.values()

    page.get_by_label("Assignee").select_option(label="Sage (AI)")
    expect(messages).to_contain_text("Aoife Byrne assigned the conversation to Sage (AI)")
    assert conversation.holding.admin_id == 814860

    field = page.get_by_role("textbox", name="Write as Nora Quinn")
    field.fill("Are you there?")
    field.press("Enter")
    expect(messages).to_contain_text("Are you there?")
    expect(field).to_have_value("")

    page.get_by_role("radio", name="Note").check()
    page.get_by_role("textbox", name="Leave a note").fill("refund is fine")
    page.get_by_role("button", name="Add note").click()
    expect(messages.locator(".note")).to_contain_text("Private note")

    page.get_by_role("radio", name="Reply").check()
    page.get_by_label("as", exact=True).select_option(label="Marek Nowak")
    page.get_by_role("textbox", name="Reply to the customer").fill("Marek here")
    page.get_by_role("button", name="Send reply").click()
    expect(messages.locator(".teammate")).to_contain_text("Marek Nowak")

    page.get_by_role("button", name="Close", exact=True).click()
    expect(messages).to_contain_text("Marek Nowak closed the conversation")
    page.get_by_role("button", name="Reopen").click()
    expect(messages).to_contain_text("Marek Nowak reopened the conversation")
    page.get_by_role("button", name="Snooze").click()
    expect(messages).to_contain_text("Marek Nowak snoozed the conversation")
    assert conversation.state == "snoozed"


def test_what_happens_elsewhere_appears_and_nothing_typed_is_lost(
    page: Page, standin: StandIn
) -> None:
    started = standin.world.customer_starts("Hello", name="Nora Quinn").conversation_id
    page.get_by_role("button", name="Nora Quinn").click()
    field = page.get_by_role("textbox", name="Write as Nora Quinn")
    field.type("half a sent")
    standin.world.assign(started, "bot")
    standin.world.admin_replies(
        started, 814860, "<p>I am <b>Sage</b></p><script>alert(1)</script>", via_api=True
    )
    messages = page.get_by_role("log", name="Messages")
    expect(messages.locator("b")).to_have_text("Sage")
    expect(field).to_have_value("half a sent")
    expect(field).to_be_focused()
    page.get_by_label("Assignee").focus()
    standin.world.assign(started, AOIFE_ID, by=AOIFE_ID)
    expect(page.get_by_label("Assignee")).to_have_value(f"admin:{AOIFE_ID}")
    standin.world.customer_starts("Another", name="Tomas")
    expect(page.get_by_role("button", name="Tomas")).to_be_visible()
    expect(field).to_have_value("half a sent")


def test_it_works_by_keyboard_and_on_a_phone(page: Page, standin: StandIn) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    standin.world.customer_starts("word" * 200, name="Nora Quinn")
    row = page.get_by_role("button", name="Nora Quinn")
    row.focus()
    row.press("Enter")
    expect(page.get_by_role("heading", name="Nora Quinn")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    box = page.get_by_role("button", name="Send").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 360
    assert box["y"] + box["height"] <= 640
    back = page.get_by_role("button", name="Back to the list")
    back.press("Enter")
    expect(row).to_be_visible()
    expect(row).to_be_focused()


def test_the_page_needs_nothing_from_elsewhere(page: Page, standin: StandIn) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(page.locator("#wire")).to_contain_text("none sent yet")
    assert len(asked) > 5
    assert all(url.startswith(standin.base_url) for url in asked)
