"""Install, uninstall, revoke and install again, by an administrator with a real Chromium."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING

from tests.console.axe import violations
from tests.console.window import NARROW, SCREENS, WIDE
from tests.installing.town import APP, EAST, PASSWORD, WEST, Town

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHANNEL = f"{APP}.{WEST}"


def picture(page: Page, name: str) -> None:
    """Keep what is seen, to be looked at; with PICTURES light and dark, wide and narrow."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    looks = product(("light", "dark"), (WIDE, NARROW)) if os.environ.get("PICTURES") else ()
    for scheme, size in looks:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        path = SCREENS / f"installing-{name}-{scheme}-{size['width']}.png"
        page.screenshot(path=path, full_page=True, animations="disabled")
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(WIDE)


def test_the_whole_life_of_an_installation(it: Town, chromium: Browser) -> None:
    context = chromium.new_context(base_url=it.url, viewport=WIDE, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(15_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda one: troubles.append(one.text) if one.type == "error" else None)

    page.goto("/console/channels")
    page.get_by_label("E-mail").fill("admin@acme.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console/channels")

    # Whoever cancels has changed nothing.
    page.get_by_role("link", name="Connect a workspace", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The app was not allowed in.").wait_for()
    picture(page, "refused")
    assert violations(page) == []

    # Allowed in: as whom does the AI answer?
    page.get_by_role("link", name="Try again").click()
    page.get_by_label("West").check()
    picture(page, "consent")
    page.get_by_role("button", name="Authorize access").click()
    page.get_by_text("One thing is missing").wait_for()
    assert "state=" not in page.url
    assert "code=" not in page.url
    picture(page, "seatless")
    page.get_by_label("The AI answers as").select_option(label="Sage (AI) (814860)")
    page.get_by_label("A handover assigns").select_option(label="Team Support")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Connected", exact=True).wait_for()
    picture(page, "connected")
    assert violations(page) == []
    west = it.workspaces[WEST].world
    conversation = west.customer_starts("Hello").conversation.id
    it.settle()
    assert it.said_by_bot(WEST, conversation) == ["AI: Hello"]

    # Revoked: the channel rests, and says so by itself.
    page.get_by_role("link", name="All channels").click()
    page.get_by_role("heading", name="West").wait_for()
    it.public.revoke(WEST)
    west.customer_replies(conversation, "Are you there?")
    it.settle()
    assert it.said_by_bot(WEST, conversation) == ["AI: Hello"]
    page.reload()
    page.get_by_text("the channel is paused: its token is refused").wait_for()
    picture(page, "paused")
    assert violations(page) == []

    # Uninstalled there: what is said meanwhile nobody tells us.
    assert it.public.uninstall(WEST) == 200
    west.customer_replies(conversation, "Hello?")
    it.workspaces[WEST].notifier.take()
    page.get_by_role("link", name="To the workspace's page").click()
    page.get_by_text("the app was uninstalled there").wait_for()
    picture(page, "uninstalled")

    # Installed again: the same channel, the same history, and what waited is said.
    page.get_by_role("link", name="Connect again").click()
    page.get_by_label("West").check()
    page.get_by_role("button", name="Authorize access").click()
    page.get_by_text("Connected", exact=True).wait_for()
    assert page.url.endswith(f"/console/channels/{CHANNEL}/workspace")
    for _ in range(3):
        it.clock.advance(60)
        it.settle()
    said = it.said_by_bot(WEST, conversation)
    assert (said[0], said[-1]) == ("AI: Hello", "AI: Hello?")
    assert [text for text in it.history(WEST) if text.startswith("customer")] == [
        "customer: Hello", "customer: Are you there?", "customer: Hello?",
    ]  # fmt: skip
    assert {push.state for push in it.pushes(WEST)} == {"sent"}
    assert it.session(EAST) is None

    # Disconnected here.
    page.get_by_role("button", name="Disconnect").click()
    page.get_by_role("button", name="Yes").click()
    page.get_by_role("link", name="Connect again").wait_for()
    assert it.parts.channels[CHANNEL].paused is not None
    # A page that says "not connected" is a refusal, which Chromium notes.
    assert [one for one in troubles if "400" not in one] == []
    context.close()
