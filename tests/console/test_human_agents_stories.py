"""Human Agents in Chromium: several people at once, and nothing that was written is ever lost."""

from __future__ import annotations

import re
import struct
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import func, select

from gateway.store.models import Message
from gateway.sync.jobs import Bench
from tests.console.people_house import PeopleHouse
from tests.console.window import Windows

# Chromium says so of every call that fails on its way.
OFFLINE = "Failed to load resource: net::ERR_FAILED"


def house_of(windows: Windows) -> PeopleHouse:
    assert isinstance(windows.house, PeopleHouse)
    return windows.house


def messages(house: PeopleHouse, session: str, text: str) -> int:
    """How often it was said."""
    query = select(func.count()).where(Message.session_id == session, Message.text == text)
    with house.database.read() as db:
        return db.scalar(query) or 0


def history(page: Page) -> Any:
    return page.get_by_role("log", name="Messages")


def reply(page: Page) -> Any:
    return page.get_by_role("textbox", name="Reply")


def test_of_two_who_accept_at_once_one_has_it_and_the_other_is_told_who(
    office_windows: Windows,
) -> None:
    """M6, M7."""
    it, house = office_windows, house_of(office_windows)
    session = house.handed_over("Where is my parcel?")
    path = f"/console/human-agents/{session}"
    ann, sam = it.open("operator", path), it.open("admin", path)
    held: list[Route] = []
    for page in (ann, sam):
        page.route("**/accept", lambda route: held.append(route))
        page.get_by_role("button", name="Accept").click()
    _wait(ann, lambda: len(held) == 2)
    held[0].continue_()
    expect(history(ann)).to_contain_text("Operator Ann was assigned by Operator Ann at")
    held[1].continue_()
    expect(sam.get_by_text("Session was already accepted by Operator Ann")).to_be_visible()
    expect(sam.get_by_text("Operator Ann has this session.")).to_be_visible()
    expect(sam.get_by_role("button", name="Accept")).to_be_disabled()
    expect(history(sam)).to_contain_text("Operator Ann was assigned by Operator Ann at")
    it.expect_trouble("409")


def types_until_it_is_seen(page: Page, words: str, sign: Locator) -> None:
    """A hint may be lost, and is not told to a page whose stream opens later: who types goes on."""
    for _ in range(10):
        reply(page).fill("")
        reply(page).press_sequentially(words, delay=5)
        with suppress(AssertionError):
            expect(sign).to_be_visible(timeout=3000)
            return
    expect(sign).to_be_visible()


def test_one_answers_the_other_watches_and_both_see_who_is_there(office_windows: Windows) -> None:
    """M8, and the collisions."""
    it, house = office_windows, house_of(office_windows)
    vera = house.visitor("Vera")
    session = vera.says("Where is my parcel?")
    house.post(f"/sessions/{session}/handover", role="admin")
    path = f"/console/human-agents/{session}"
    ann = it.open("operator", path)
    expect(ann.locator("#talk-head")).to_contain_text("Unassigned")
    sam = it.open("admin", path)
    expect(ann.get_by_text("Admin Ann is looking at this, too")).to_be_visible()

    types_until_it_is_seen(ann, "One moment", sam.get_by_text("Operator Ann is typing…"))
    reply(ann).press("Shift+Enter")
    reply(ann).press_sequentially("please", delay=5)
    reply(ann).press("Enter")
    for page in (ann, sam):
        expect(history(page).locator(".line-operator .bubble")).to_have_text("One moment\nplease")
    expect(reply(ann)).to_have_value("")
    expect(sam.get_by_text("is typing…")).to_be_hidden()
    expect(sam.get_by_text("Operator Ann has this session.")).to_be_visible()
    assert messages(house, session, "One moment\nplease") == 1
    assert vera.reads()[-1]["text"] == "One moment\nplease"

    vera.types()
    expect(ann.get_by_text("Vera is typing…")).to_be_visible()
    vera.says("Thank you")
    expect(history(ann)).to_contain_text("Thank you")
    expect(ann.get_by_text("is typing…")).to_be_hidden()

    ann.keyboard.press("Alt+n")
    note = ann.get_by_role("textbox", name="Note")
    note.fill("Be gentle with her")
    note.press("Enter")
    expect(history(sam).locator(".line-note").last).to_contain_text("Be gentle with her")
    assert "Be gentle with her" not in str(vera.reads())

    ann.get_by_role("button", name="Resolve").click()
    ann.get_by_role("button", name="Cancel").click()
    expect(ann.locator("#talk-head")).not_to_contain_text("Finished")
    ann.get_by_role("button", name="Resolve").click()
    ann.get_by_role("button", name="Yes").click()
    expect(ann.get_by_text("Session resolved")).to_be_visible()
    ann.keyboard.press("Alt+r")
    for page in (ann, sam):
        expect(history(page)).to_contain_text("The session was resolved by Operator Ann at")
        expect(reply(page)).to_be_disabled()


def test_what_was_written_outlives_reloads_and_failures_and_is_said_once(
    office_windows: Windows,
) -> None:
    it, house = office_windows, house_of(office_windows)
    first, second = house.handed_over("One", name="Vera"), house.handed_over("Two", name="Carl")
    ann = it.open("operator", f"/console/human-agents/{first}")
    reply(ann).fill("Half a sen")
    ann.get_by_role("tab", name="Note").click()
    ann.get_by_role("textbox", name="Note").fill("Half a note")
    ann.goto(f"/console/human-agents/{second}")
    expect(reply(ann)).to_have_value("")
    ann.goto(f"/console/human-agents/{first}")
    expect(ann.get_by_role("textbox", name="Note")).to_have_value("Half a note")
    ann.reload()
    ann.get_by_role("tab", name="Reply").click()
    expect(reply(ann)).to_have_value("Half a sen")

    # Nobody heard it: it stays, through a reload, until it is tried again.
    ann.route("**/api/v1/sessions/*/messages", lambda route: route.abort())
    reply(ann).fill("Hello, Vera")
    reply(ann).press("Enter")
    expect(ann.get_by_text("Not sent: The gateway cannot be reached.")).to_be_visible()
    ann.reload()
    expect(ann.get_by_text("Not sent: The gateway cannot be reached.")).to_be_visible()
    expect(reply(ann)).to_have_value("")
    ann.unroute_all()
    ann.get_by_role("button", name="Retry").click()
    expect(history(ann)).to_contain_text("Hello, Vera")
    expect(ann.get_by_role("button", name="Retry")).to_have_count(0)

    # It was heard, and the answer was lost: trying again says it no second time.
    def lost(route: Route) -> None:
        route.fetch()
        route.abort()

    ann.route("**/api/v1/sessions/*/messages", lost)
    reply(ann).fill("Once only")
    reply(ann).press("Enter")
    expect(ann.get_by_role("button", name="Retry")).to_be_visible()
    ann.unroute_all()
    ann.get_by_role("button", name="Retry").click()
    expect(ann.get_by_role("button", name="Retry")).to_have_count(0)
    assert [messages(house, first, text) for text in ("Hello, Vera", "Once only")] == [1, 1]

    # What is refused for good can be taken back into the field.
    house.post(f"/sessions/{first}/finish")
    expect(reply(ann)).to_be_disabled()
    ann.goto(f"/console/human-agents/{second}")
    ann.route("**/parts/human-agents/head/**", lambda route: route.abort())
    reply(ann).fill("Too late")
    # The page asks again when it hears of the end, and does not get it.
    with ann.expect_event("requestfailed", lambda one: "/parts/human-agents/head/" in one.url):
        house.post(f"/sessions/{second}/finish")
    reply(ann).press("Enter")
    expect(ann.get_by_text("Not sent: Session is already finished")).to_be_visible()
    ann.unroute_all()
    ann.get_by_role("button", name="Edit").click()
    expect(reply(ann)).to_have_value("Too late")
    it.expect_trouble(OFFLINE, "409", "htmx:error")


def test_what_needs_somebody_is_seen_on_every_page_and_told_to_whoever_wants_it(
    office_windows: Windows,
) -> None:
    it, house = office_windows, house_of(office_windows)
    recorder = """
      window.told = [];
      window.Notification = class extends EventTarget {
        static permission = "default";
        static async requestPermission() { return (this.permission = "granted"); }
        constructor(title, more) { super(); window.told.push([title, more.body]); }
        close() {}
      };
      if (localStorage.getItem("granted")) window.Notification.permission = "granted";
    """
    ann = it.open("operator", "/console/human-agents")
    ann.context.add_init_script(recorder)
    ann.goto("/console/human-agents")
    expect(ann).to_have_title("Human Agents · Acme")
    vera = house.visitor("Vera")
    session = vera.says("Hello?")
    house.post(f"/sessions/{session}/handover", role="admin")
    expect(ann).to_have_title("(1) Human Agents · Acme")
    expect(ann.locator("[data-waiting]")).to_have_text("1")
    icon = ann.locator("#tab-icon")
    expect(icon).to_have_attribute("href", re.compile("^data:image/png"))
    assert ann.evaluate("window.told") == [], "nobody asked to be told"

    ann.get_by_role("button", name="Notifications").click()
    ann.get_by_label("Notify me in this browser").check()
    ann.get_by_label("Play a sound").check()
    assert house.post(
        f"/sessions/{session}/assign", {"operator_id": house.ids["operator"]}, role="admin"
    ).status_code == 200  # fmt: skip
    _wait(ann, lambda: ann.evaluate("window.told.length") == 1)
    assert ann.evaluate("window.told") == [["You have new session assigned.", "Vera"]]
    expect(ann).to_have_title("Human Agents · Acme")
    expect(icon).to_have_attribute("href", re.compile(r"icon-\w+\.svg$"))
    vera.says("Are you there?")
    _wait(ann, lambda: ann.evaluate("window.told.length") == 2)
    assert ann.evaluate("window.told")[1] == ["New message:", "Vera: Are you there?"]

    # It is remembered; and what one looks at needs no notification.
    ann.evaluate("localStorage.setItem('granted', '1')")
    ann.goto(f"/console/human-agents/{session}")
    expect(ann.locator("[data-notices=sound]")).to_be_checked()
    ann.bring_to_front()
    vera.says("Hello!")
    expect(history(ann)).to_contain_text("Hello!")
    assert ann.evaluate("window.told") == []


def test_drafts_are_sent_edited_or_discarded(office_windows: Windows) -> None:
    it, house = office_windows, house_of(office_windows)
    vera = house.visitor("Vera")
    session = vera.says("Where is my parcel?")
    house.post(f"/sessions/{session}/handover")
    ann = it.open("operator", f"/console/human-agents/{session}")
    ann.get_by_role("switch", name="Copilot").click()
    expect(ann.get_by_role("switch", name="Copilot")).to_be_checked()
    _work(house)
    draft = history(ann).locator(".line-draft")
    expect(draft).to_have_count(1)
    reply(ann).fill("Dear Vera,")
    draft.get_by_role("button", name="Edit").click()
    expect(reply(ann)).to_have_value(re.compile(r"^Dear Vera,\n\n."))
    expect(ann.get_by_text("You are editing a draft of the AI.")).to_be_visible()
    reply(ann).fill("It is on its way, Vera.")
    reply(ann).press("Enter")
    expect(history(ann).locator(".line-operator")).to_contain_text("It is on its way, Vera.")
    expect(history(ann)).to_contain_text("Draft, edited and sent by Operator Ann")
    assert [one["text"] for one in vera.reads()][-1] == "It is on its way, Vera."

    vera.says("When?")
    _work(house)
    open_draft = history(ann).locator(".line-draft", has=ann.get_by_role("button", name="Discard"))
    open_draft.get_by_role("button", name="Discard").click()
    expect(ann.get_by_text("Draft discarded")).to_be_visible()
    expect(history(ann)).to_contain_text("Draft, discarded by Operator Ann")

    vera.says("Please!")
    _work(house)
    open_draft.get_by_role("button", name="Send").click()
    expect(history(ann)).to_contain_text("Draft, sent as it was by Operator Ann")


def test_sessions_are_walked_by_keyboard_and_found_by_name(office_windows: Windows) -> None:
    it, house = office_windows, house_of(office_windows)
    first, second = house.handed_over("One", name="Vera"), house.handed_over("Two", name="Carl")
    ann = it.open("operator", "/console/human-agents")
    ann.keyboard.press("Alt+ArrowDown")
    ann.wait_for_url(f"**/{first}")
    ann.keyboard.press("Alt+ArrowDown")
    ann.wait_for_url(f"**/{second}")
    ann.keyboard.press("Alt+ArrowUp")
    ann.wait_for_url(f"**/{first}")
    ann.keyboard.press("Alt+r")
    expect(reply(ann)).to_be_focused()
    ann.get_by_role("searchbox").fill("car")
    expect(ann.locator("[data-ticket]")).to_have_count(1)
    assert ann.url.endswith("?name=car")
    ann.reload()
    expect(ann.locator("[data-ticket]")).to_have_count(1)
    expect(ann.get_by_role("searchbox")).to_have_value("car")

    ann.get_by_role("button", name="Assign…").click()
    ann.get_by_role("button", name=re.compile("^Admin Ann")).click()
    expect(ann.get_by_text("Session assigned")).to_be_visible()
    expect(ann.locator("#talk-head")).to_contain_text("Admin Ann")


def test_files_go_along(office_windows: Windows) -> None:
    it, house = office_windows, house_of(office_windows)
    vera = house.visitor("Vera")
    session = vera.says("Send me the form")
    house.post(f"/sessions/{session}/handover")
    ann = it.open("operator", f"/console/human-agents/{session}")
    ann.locator("[data-file]").set_input_files(
        {"name": "form.txt", "mimeType": "text/plain", "buffer": b"a form"}
    )
    expect(ann.get_by_role("button", name="Remove form.txt")).to_be_visible()
    ann.reload()
    expect(ann.get_by_role("button", name="Remove form.txt")).to_be_visible()
    reply(ann).press("Enter")
    expect(history(ann).get_by_role("link", name="form.txt")).to_be_visible()
    expect(ann.locator("[data-chosen] li")).to_have_count(0)
    assert [one["name"] for one in vera.reads()[-1]["attachments"]] == ["form.txt"]

    picture = {"name": "photo.png", "mimeType": "image/png", "buffer": png(1200, 900)}
    ann.locator("[data-file]").set_input_files(picture)
    expect(ann.get_by_role("button", name="Remove photo.png")).to_be_visible()
    ann.get_by_role("button", name="Send").click()
    shown = history(ann).get_by_role("img", name="photo.png")
    expect(shown).to_be_visible()
    for number in range(12):
        vera.says(f"Line {number}")
    ann.reload()
    expect(ann.get_by_text("Line 11", exact=True).last).to_be_in_viewport()
    expect(shown).to_have_js_property("naturalWidth", 1200)  # once it has been fetched


def png(width: int, height: int) -> bytes:
    """A picture in one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\x00" + b"\x40\x80\xc0" * width) * height
    chunks = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _wait(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(25)
    raise AssertionError("it never came")


def _work(house: PeopleHouse) -> None:
    """Ask the AI what it is owed."""
    house.clock.advance(5)
    turns = Bench(house.parts, threading.Event()).works["turns"]
    for key in turns.due(10):
        turns.do(key)
