"""Who acts in the mission's stories, and where things stand on the pages that they look at."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.channels.webwidget.browser.visitor import Visitor
from tests.console.mission.house import MissionHouse
from tests.console.window import Windows

HAND_OVER = "Hand over to the operator"
FINISHED = "Session is already finished"
HANDLED = "Session is already handled by an operator"
NOT_PERMITTED = "You do not have permission to hand over sessions"
HANDING = "I am handing you over to a colleague now."


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
