"""DESIGN.md 1.1 in Chromium, sentence by sentence: several people at once, labels to the letter.

A supervisor in Sessions, an operator in Human Agents, a visitor in the widget on a site of another
origin, and the inbox page of Intercom's stand-in, where a teammate changes the assignee.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gateway.store import migrate
from tests.api.house import BOT, CHANNEL
from tests.channels.webwidget.browser.pages import Pages
from tests.channels.webwidget.browser.visitor import Visitor
from tests.console.mission_house import AOIFE, AOIFE_ID, KEY, SAM, WEB, MissionHouse
from tests.console.window import Windows, served
from tests.services.processes import free_port

pytestmark = pytest.mark.browser

HAND_OVER = "Hand over to the operator"
FINISHED = "Session is already finished"
HANDLED = "Session is already handled by an operator"
NOT_PERMITTED = "You do not have permission to hand over sessions"
HANDING = "I am handing you over to a colleague now."


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, chromium: Browser
) -> Iterator[tuple[MissionHouse, str, str]]:
    """The gateway, its address, and a page of a site with the widget."""
    folder = tmp_path_factory.mktemp("mission")
    port = free_port()
    url, database_url = f"http://127.0.0.1:{port}", f"sqlite:///{folder / 'gateway.db'}"
    migrate(database_url)
    pages = Pages()
    tag = f'<script async src="{url}/widget.js" data-key="{KEY}"></script>'
    house = MissionHouse(folder, database_url, url=url, site=pages.origin)
    with house.at_work(), served(house, port):
        yield house, url, pages.page("/", head=tag)
    pages.close()


@dataclass
class Stage:
    """Everybody's browsers."""

    house: MissionHouse
    windows: Windows
    site: str

    def open(self, who: str, path: str) -> Page:
        return self.windows.open(who, f"/console{path}", reduced_motion="no-preference")

    def visitor(self) -> Visitor:
        visitor = Visitor(self.windows.browser(), self.site)
        self.visitors.append(visitor)
        return visitor

    def __post_init__(self) -> None:
        self.visitors: list[Visitor] = []


@pytest.fixture
def stage(place: tuple[MissionHouse, str, str], chromium: Browser) -> Iterator[Stage]:
    """The gateway, in which nobody has a browser open yet."""
    house, url, site = place
    made = Stage(house, Windows(house, url, chromium), site)
    yield made
    assert made.windows.troubles == []
    assert [trouble for one in made.visitors for trouble in one.troubles] == []
    made.windows.close()
    house.finish_all()


# -- what there is on the pages --------------------------------------------------------------------


def row(page: Page, session: str) -> Locator:
    """A session's row in the table of Sessions."""
    return page.locator(f"#row-{session}")


def cell(page: Page, session: str, head: str) -> Locator:
    """What stands in that row under a head."""
    heads = page.get_by_role("columnheader").all_inner_texts()
    return row(page, session).get_by_role("cell").nth(heads.index(head))


def history(page: Page) -> Locator:
    return page.get_by_role("log", name="Messages")


def markers(page: Page) -> Locator:
    return history(page).locator(".marker")


def facts(page: Page) -> Locator:
    """The third area of Sessions."""
    return page.get_by_role("region", name="Parameters & results", exact=True)


def refuses(page: Page, reason: str) -> None:
    """M9: the button cannot be pressed, and says why: on hover, and when read aloud."""
    button = page.get_by_role("button", name=HAND_OVER, exact=True)
    expect(button).to_have_accessible_description(reason)
    expect(button).to_have_attribute("title", reason)
    expect(button).to_be_disabled()
    button.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)


def hand_over(page: Page, reason: str = "") -> None:
    page.get_by_role("button", name=HAND_OVER, exact=True).click()
    dialog = page.get_by_role("dialog", name=HAND_OVER, exact=True)
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name="Hand over", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Session set to operator")
    expect(page.get_by_text("Session set to operator", exact=True)).to_be_visible()


# -- the stories -----------------------------------------------------------------------------------


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
    expect(cell(sam, session, "User")).to_have_text("Anonymous")
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


def test_three_triggers(stage: Stage) -> None:
    """M2: the AI's conditions and the customer's wish; by hand is the first story."""
    it = stage.house
    said = {
        "Can I talk to a person?": ("The customer asked", "The customer asked for a person."),
        "I want a refund of 640 EUR": (
            "The AI agent decided",
            "Refund of 640 EUR, above the limit",
        ),
    }
    sam = None
    for words, (trigger, reason) in said.items():
        when = it.next_minute()
        visitor = stage.visitor()
        visitor.write(words)
        visitor.sees(HANDING)
        session = it.session_of(visitor.id)
        path = f"/console/sessions/{session}"
        if sam is None:
            sam = stage.windows.open("vera", path)
        else:
            sam.goto(path)
        story = facts(sam).get_by_role("region", name="Session", exact=True)
        expect(story).to_contain_text(f"{trigger}, {when}")
        expect(story).to_contain_text(reason)
        expect(markers(sam)).to_have_text([f"Transfer to human agent at {when}"])
        expect(cell(sam, session, "Responsible")).to_have_text("Unassigned")


def test_whoever_may_only_look(stage: Stage) -> None:
    """M9: the third refusal."""
    it = stage.house
    started = it.standin.world.customer_starts("Hello", name="Olga")
    session = it.session_of(str(started.conversation.id))
    vera = stage.open("vera", f"/sessions/{session}")
    refuses(vera, NOT_PERMITTED)
    assert it.refusal(session, "vera") == (403, NOT_PERMITTED)
