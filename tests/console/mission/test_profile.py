"""DESIGN.md 1.1, M1 and M12: from a session to its customer's profile."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.api.house import CHANNEL
from tests.console.mission.house import SAM, WEB
from tests.console.mission.stage import Stage, facts

pytestmark = pytest.mark.browser


def test_the_profile_opens_in_a_tab_of_its_own(stage: Stage) -> None:
    """M1 and M12."""
    it = stage.house
    world = it.standin.world
    started = world.customer_starts(
        "Where is my order FL-1042?", name="Nora Quinn", email="nora@example.test"
    )
    session = it.session_of(str(started.conversation.id))
    sam = stage.open("sam", f"/sessions/{session}")
    info = facts(sam).get_by_role("region", name="Contact info", exact=True)
    expect(info).to_contain_text("Nora Quinn")
    expect(info).to_contain_text("nora@example.test")
    with sam.context.expect_page() as opened:
        info.get_by_role("link", name="Open in 360", exact=True).click()
    profile = opened.value
    assert sam.url.endswith(f"/console/sessions/{session}"), "the session stays where it is"
    expect(profile).to_have_title("Nora Quinn · 360 View · Acme")

    def region(name: str) -> Locator:
        return profile.get_by_role("region", name=name, exact=True)

    details = region("Contact details")
    for text in ("Nora Quinn", "nora@example.test", "Claimed"):
        expect(details).to_contain_text(text)
    collected = region("Collected data")
    expect(collected).to_contain_text("order_number")
    expect(collected).to_contain_text("FL-1042")

    # Viewable, editable, markable as verified; whoever reads the session sees it at once.
    details.get_by_role("button", name="Mark as verified: E-mail", exact=True).click()
    expect(profile.get_by_text("E-mail marked as verified", exact=True)).to_be_visible()
    expect(details.get_by_text("Verified", exact=True)).to_be_visible()
    expect(info.get_by_text("Verified", exact=True)).to_be_visible()
    profile.get_by_role("button", name="Edit", exact=True).click()
    dialog = profile.get_by_role("dialog", name="Edit contact details", exact=True)
    dialog.get_by_label("Phone").fill("+353 1 555 0100")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(details).to_contain_text("+353 1 555 0100")
    expect(region("History")).to_contain_text(f"by {SAM}")

    # On the site she is nobody, until she says who she is; then the two can be made one.
    visitor = stage.visitor()
    it.tick()
    visitor.write("What does shipping cost?")
    visitor.sees("4.90")
    aoife = stage.open("aoife", f"/sessions/{it.session_of(visitor.id)}")
    anonymous = facts(aoife).get_by_role("region", name="Contact info", exact=True)
    expect(anonymous).to_have_text(re.compile(r"^\s*Contact info\s+No contact info found\s*$"))
    visitor.page.evaluate("GatewayWidget.identify({name: 'Nora Q.', email: 'nora@example.test'})")
    expect(anonymous).to_contain_text("Nora Q.")
    expect(anonymous.get_by_role("link", name="Open in 360", exact=True)).to_be_visible()
    expect(region("Sessions").get_by_role("link")).to_have_count(1)
    profile.reload()
    profile.get_by_role("link", name="Compare", exact=True).click()
    profile.get_by_role("button", name="Join the two", exact=True).click()
    for channel in (CHANNEL, WEB):
        expect(region("Sessions").get_by_role("link", name=channel)).to_have_count(1)
        expect(region("Identities")).to_contain_text(channel)
    expect(collected).to_contain_text("shipping")
