"""DESIGN.md 1.1 in Intercom: a teammate changes the assignee in the stand-in's inbox page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.api.house import BOT, CHANNEL
from tests.console.mission.house import AOIFE, AOIFE_ID
from tests.console.mission.stage import (
    HAND_OVER,
    HANDLED,
    Stage,
    cell,
    hand_over,
    history,
    markers,
    refuses,
)

pytestmark = pytest.mark.browser


def test_the_assignee_is_the_switch_in_intercom(stage: Stage) -> None:
    """M11, with M4, M5, M7 and M8, and M12."""
    it = stage.house
    world = it.standin.world
    started = world.customer_starts(
        "Where is my order FL-1042?", name="Cleo Customer", email="cleo@example.test"
    )
    cleo = str(started.conversation.id)
    session = it.session_of(cleo)
    sam = stage.open("sam", f"/sessions/{session}")
    aoife = stage.open("aoife", f"/human-agents/{session}")
    expect(history(sam)).to_contain_text("left us on Thursday")
    expect(cell(sam, session, "Responsible")).to_have_text("AI")
    expect(cell(sam, session, "Channel").get_by_role("img", name=CHANNEL)).to_be_visible()
    expect(cell(sam, session, "User")).to_have_text("Cleo Customer")
    it.quiet()
    assert len(it.in_intercom(cleo)) == 1

    # A teammate changes the assignee where they always do.
    inbox = stage.windows.tab(stage.windows.browser().new_page(), it.standin.base_url)
    inbox.locator("#conversations").get_by_text("Cleo Customer").click()
    when = it.next_minute()
    inbox.get_by_label("Assignee").select_option(label=AOIFE)
    for page in (sam, aoife):
        expect(markers(page)).to_have_text(
            [
                f"Transfer to human agent at {when}",
                re.compile(rf"^{AOIFE} was assigned by .+ at {when}$"),
            ]
        )
    face = cell(sam, session, "Responsible").get_by_role("img", name=AOIFE, exact=True)
    expect(face).to_have_attribute("title", AOIFE)
    refuses(sam, HANDLED)
    assert it.refusal(session, "sam") == (409, HANDLED)
    it.tick()
    world.customer_replies(cleo, "What does shipping cost?")
    expect(history(sam)).to_contain_text("What does shipping cost?")
    it.quiet()
    assert len([one for one in it.in_intercom(cleo) if one.startswith(f"{BOT}:")]) == 1, "M4"

    # M8: she answers from our page, as herself over there.
    it.tick()
    expect(aoife.get_by_text("Handled in Intercom").first).to_be_visible()
    reply = aoife.get_by_role("textbox", name="Reply")
    reply.fill("It is on us, Cleo.")
    reply.press("Enter")
    for page in (sam, aoife):
        expect(history(page).locator(".line-operator").last).to_contain_text("It is on us, Cleo.")
    expect(inbox.get_by_role("log", name="Messages")).to_contain_text("It is on us, Cleo.")
    assert it.in_intercom(cleo)[-1].startswith(f"{AOIFE_ID}:")

    # Back to the bot: the AI is in charge again, and says what is left to be said.
    when = it.next_minute()
    inbox.get_by_label("Assignee").select_option(label="Sage (AI)")
    expect(markers(sam).last).to_have_text(
        re.compile(rf"^Returned to the AI agent by .+ at {when}$")
    )
    expect(cell(sam, session, "Responsible")).to_have_text("AI")
    expect(sam.get_by_role("button", name=HAND_OVER, exact=True)).to_be_enabled()
    it.tick()
    world.customer_replies(cleo, "And where is FL-1077?")
    expect(history(sam).locator(".line-ai").last).to_contain_text("you get the tracking number")
    it.quiet()

    # M1 and M14: a handover from our page is told over there.
    when = it.next_minute()
    hand_over(sam, "Cleo is a good customer")
    expect(markers(sam).last).to_have_text(f"Transfer to human agent at {when}")
    expect(cell(sam, session, "Responsible")).to_have_text("Unassigned")
    expect(inbox.get_by_role("log", name="Messages")).to_contain_text("Cleo is a good customer")
    expect(inbox.locator("#charge")).to_contain_text("Nobody is assigned.")
