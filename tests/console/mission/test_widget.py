"""DESIGN.md 1.1 on the web widget: a visitor, a supervisor and an operator, each in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.mission.house import AOIFE, SAM, WEB
from tests.console.mission.stage import (
    FINISHED,
    HAND_OVER,
    HANDING,
    HANDLED,
    Stage,
    cell,
    facts,
    hand_over,
    history,
    markers,
    refuses,
    row,
)

pytestmark = pytest.mark.browser


def test_a_visitor_a_supervisor_and_an_operator(stage: Stage) -> None:
    """M1-M10 and M13, on the web widget."""
    it = stage.house
    sam, aoife = stage.open("sam", "/sessions"), stage.open("aoife", "/human-agents")
    expect(sam).to_have_title("Sessions · Acme")
    expect(sam.get_by_role("heading", level=1)).to_have_text("Sessions")
    expect(aoife).to_have_title("Human Agents · Acme")
    expect(aoife.get_by_role("heading", level=1)).to_have_text("Human Agents")

    visitor = stage.visitor()
    visitor.write("Where is my order FL-1042?")
    visitor.sees("left us on Thursday")
    session = it.session_of(visitor.id)

    # A session that nobody had seen is announced, and shown when the supervisor says so.
    sam.get_by_role("link", name="1 new session").click()
    heads = ["Agent", "Channel", "Responsible", "User", "Started", "Last message", "Messages",
             "Status"]  # fmt: skip
    expect(sam.get_by_role("columnheader")).to_have_text(heads)
    dot = cell(sam, session, "Agent").get_by_role("img", name="Active")
    expect(cell(sam, session, "Agent")).to_contain_text("support")
    pulse = "one => getComputedStyle(one, '::after').animationName"
    assert dot.evaluate(pulse) == "pulse", "M3"
    channel = cell(sam, session, "Channel")
    expect(channel.get_by_role("img", name=WEB)).to_be_visible()
    expect(channel.get_by_title(WEB)).to_be_visible()
    expect(cell(sam, session, "Responsible")).to_have_text("AI")
    expect(cell(sam, session, "User")).to_have_text("Customer")
    expect(cell(sam, session, "Messages")).to_have_text("2")
    expect(cell(sam, session, "Status")).to_have_text("Active")

    row(sam, session).click()
    expect(facts(sam).get_by_role("heading", name="Parameters & results")).to_be_visible()
    info = facts(sam).get_by_role("region", name="Contact info", exact=True)
    expect(info.get_by_text("No contact info found", exact=True)).to_be_visible()
    expect(sam.get_by_role("link", name="Open in 360")).to_have_count(0)
    expect(facts(sam).get_by_role("region", name="Session parameters")).to_contain_text("FL-1042")
    expect(facts(sam).get_by_role("region", name="Results")).to_contain_text("order status")

    # M1-M3: the button sits under the chat.
    button = sam.get_by_role("button", name=HAND_OVER, exact=True)
    chat, under = sam.locator(".pane-chat [data-scroll]").bounding_box(), button.bounding_box()
    assert chat is not None
    assert under is not None
    assert under["y"] >= chat["y"] + chat["height"]
    assert chat["x"] <= under["x"] < chat["x"] + chat["width"]
    when = it.next_minute()
    hand_over(sam, "She has been waiting for long")
    expect(markers(sam)).to_have_text([f"Transfer to human agent at {when}"])
    expect(cell(sam, session, "Responsible")).to_have_text("Unassigned")
    story = facts(sam).get_by_role("region", name="Session", exact=True)
    expect(story).to_contain_text(f"By hand, {when}, by {SAM}")
    expect(story).to_contain_text("She has been waiting for long")
    refuses(sam, HANDLED)
    assert it.refusal(session, "sam") == (409, HANDLED)

    # M4: the AI has nothing to say to it.
    it.tick()
    visitor.sees(HANDING)
    visitor.write("What does shipping cost?")
    expect(history(sam)).to_contain_text("What does shipping cost?")
    it.quiet()
    expect(history(sam).locator(".line-ai")).to_have_count(1)
    visitor.sees("4.90", times=0)

    # M6: it comes in at Human Agents, with all that was said.
    expect(aoife).to_have_title("(1) Human Agents · Acme")
    aoife.locator(f"#q-{session}").click()
    for text in ("FL-1042?", "left us on Thursday", f"Transfer to human agent at {when}",
                 "What does shipping cost?"):  # fmt: skip
        expect(history(aoife)).to_contain_text(text)
    when = it.next_minute()
    aoife.get_by_role("button", name="Accept", exact=True).click()

    # M7: who has it, for everybody, and since when.
    for page in (aoife, sam):
        expect(markers(page).last).to_have_text(f"{AOIFE} was assigned by {AOIFE} at {when}")
    face = cell(sam, session, "Responsible").get_by_role("img", name=AOIFE, exact=True)
    expect(face).to_have_attribute("title", AOIFE)
    expect(face).to_have_text("AB")

    # M8: the operator's words are in the same history, and with the customer.
    it.tick()
    reply = aoife.get_by_role("textbox", name="Reply")
    reply.fill("It comes tomorrow, and shipping is on us.")
    reply.press("Enter")
    visitor.sees("It comes tomorrow, and shipping is on us.")
    said = history(sam).locator(".line-operator").last
    expect(said).to_contain_text("It comes tomorrow, and shipping is on us.")
    expect(said).to_contain_text(AOIFE)

    # M9: in copilot mode, too, it is the operator's.
    aoife.get_by_role("switch", name="Copilot").click()
    expect(markers(sam).last).to_contain_text(f"Copilot switched on by {AOIFE} at")
    refuses(sam, HANDLED)
    assert it.refusal(session, "sam") == (409, HANDLED)

    # M10: what is finished stays so; the next message begins another session.
    aoife.get_by_role("button", name="Resolve", exact=True).click()
    aoife.get_by_role("button", name="Yes", exact=True).click()
    expect(cell(sam, session, "Status")).to_have_text("Finished")
    expect(row(sam, session).get_by_role("img", name="Active")).to_have_count(0)
    refuses(sam, FINISHED)
    assert it.refusal(session, "sam") == (409, FINISHED)
    it.tick()
    visitor.write("Thanks! And what does shipping cost?")
    visitor.sees("4.90")
    second = it.session_of(visitor.id)
    assert second != session
    expect(history(sam)).not_to_contain_text("Thanks!")
    sam.get_by_role("link", name="1 new session").click()
    expect(cell(sam, second, "Responsible")).to_have_text("AI")
    expect(cell(sam, second, "Status")).to_have_text("Active")
