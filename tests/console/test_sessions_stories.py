"""Sessions in two browsers at once: a supervisor who watches and hands over, an operator who takes.

What DESIGN.md 1.1 says of this page (M1-M9, M12, M13), with each label to the letter.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from gateway.events import Actor, ContactSeen
from gateway.store import new_id
from gateway.store.models import ChatSession, Message
from tests.console.axe import violations
from tests.console.house import ConsoleHouse
from tests.console.window import NARROW, Windows

pytestmark = pytest.mark.browser

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LONG = "Maximiliane-Alexandrine von und zu Hohenstaufen-Wittelsbach-Grafenegg"
ARABIC = "أحمد عبد الرحمن الطويل"


def session_row(page: Page, session: str) -> Page:
    return page.locator(f"#row-{session}")  # type: ignore[return-value]


def test_a_supervisor_hands_over_and_an_operator_takes_it(windows: Windows) -> None:
    house = windows.house
    known = house.session("1001")
    boss = windows.open("admin", "/console/sessions")

    # A new session announces itself; the list moves when its reader says so.
    session = house.session("1002", "I was charged twice!")
    announced = boss.get_by_role("link", name="1 new session")
    expect(announced).to_be_visible()
    expect(boss.locator("tbody tr")).to_have_count(1)
    announced.click()
    expect(boss.locator("tbody tr")).to_have_count(2)
    row = session_row(boss, session)
    expect(row.locator("td").nth(0).get_by_role("img", name="Active")).to_be_visible()
    dot = "e => getComputedStyle(e, '::after').animationName"
    assert row.locator(".dot").evaluate(dot) == "pulse"
    expect(row.locator("td").nth(1).get_by_title("acme-intercom")).to_be_visible()
    expect(row.locator("td").nth(2)).to_have_text("AI")

    # Opened, it is live: the customer's words come by themselves, and are counted.
    row.click()
    expect(boss.locator("[data-message-count]")).to_have_text("1 message")
    house.happen("1002", house.said("1002", "Is anybody there?"))
    expect(boss.get_by_role("log").get_by_text("Is anybody there?")).to_be_visible()
    expect(boss.locator("[data-message-count]")).to_have_text("2 messages")

    # M3, M2: the button under the chat, a reason and a target.
    boss.get_by_role("button", name="Hand over to the operator").click()
    dialog = boss.get_by_role("dialog", name="Hand over to the operator")
    dialog.get_by_label("Reason").fill("charged twice")
    expect(dialog.get_by_label("To whom").locator("option")).to_have_text(
        ["Whoever is next", "Admin Ann (you)", "Operator Ann"]
    )
    dialog.get_by_role("button", name="Hand over").click()
    toast = boss.get_by_role("status").get_by_text("Session set to operator", exact=True)
    expect(toast).to_be_visible()
    expect(dialog).to_be_hidden()
    said, foot = toast.bounding_box(), boss.locator("#chat-foot").bounding_box()
    assert said is not None
    assert foot is not None
    assert said["y"] + said["height"] < foot["y"], "it covers nothing that can be pressed"

    # M5, M7 and M9, without reloading.
    marker = boss.get_by_role("log").get_by_text("Transfer to human agent at 22 Nov 2026, 16:")
    expect(marker).to_be_visible()
    expect(row.locator("td").nth(2)).to_have_text("Unassigned")
    button = boss.get_by_role("button", name="Hand over to the operator")
    expect(button).to_have_attribute("aria-disabled", "true")
    reason = "Session is already handled by an operator"
    expect(button).to_have_attribute("title", reason)
    expect(button).to_have_accessible_description(reason)
    facts = boss.get_by_role("region", name="Parameters & results")
    expect(facts.get_by_text("charged twice")).to_be_visible()

    # Who the customer is comes by itself as well.
    contact = house.get(f"/sessions/{session}").json["contact"]["id"]
    tag = {"If-Match": house.get(f"/contacts/{contact}").headers["ETag"]}
    named = {"name": "Carol Danvers"}
    assert house.call("PATCH", f"/contacts/{contact}", "operator", json=named, headers=tag).json
    expect(row.locator("td").nth(3)).to_have_text("Carol Danvers")

    # M6: it waits in Human Agents, where somebody accepts it.
    operator = windows.open("operator", f"/console/human-agents/{session}")
    expect(operator.get_by_role("log").get_by_text("I was charged twice!")).to_be_visible()
    operator.get_by_role("button", name="Accept").click()
    expect(row.get_by_role("img", name="Operator Ann")).to_be_visible()
    expect(row.get_by_title("Operator Ann")).to_be_visible()

    # M8: what is written there is in the same history.
    house.post(f"/sessions/{session}/messages", {"text": "Let me look into that."})
    expect(boss.get_by_role("log").get_by_text("Let me look into that.")).to_be_visible()

    # M10: a finished one cannot be handed over, and its dot is still.
    house.happen("1002", house.closed("1002"))
    expect(button).to_have_attribute("title", "Session is already finished")
    expect(row.locator("td").nth(7)).to_have_text("Finished")
    expect(row.get_by_role("img", name="Active")).to_have_count(0)

    # M1, M12: the customer's profile opens in a new tab.
    with boss.context.expect_page() as opened:
        facts.get_by_role("link", name="Open in 360").click()
    opened.value.wait_for_url(f"**/console/customers/{contact}")
    assert boss.url.split("?")[0].endswith(f"/console/sessions/{session}")
    assert session_row(boss, known).count() == 1

    # Somebody else was quicker: the page says so in the API's words.
    boss.goto(f"/console/sessions/{known}")
    boss.get_by_role("button", name="Hand over to the operator").click()
    house.database.write(lambda db: _hold(db, known))
    boss.get_by_role("dialog").get_by_role("button", name="Hand over").click()
    expect(boss.get_by_role("dialog").get_by_role("alert")).to_have_text(reason)
    windows.expect_trouble("409")


def _hold(db: object, session: str) -> None:
    """As if it were handed over in the moment before, which no event tells yet."""
    found = db.session.get(ChatSession, session)  # type: ignore[attr-defined]
    found.mode, found.responsible_kind = "human", "unassigned"
    db.flush()  # type: ignore[attr-defined]


def test_by_keyboard_alone_and_as_a_file(windows: Windows, tmp_path: Path) -> None:
    house = windows.house
    ids = [house.session(str(1000 + number), f"order {number}") for number in range(4)]
    page = windows.open("viewer", "/console/sessions?status=active")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(session_row(page, ids[2]).get_by_role("link")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/sessions/{ids[3]}?status=active*")
    button = page.get_by_role("button", name="Hand over to the operator")
    reason = "You do not have permission to hand over sessions"
    expect(button).to_have_accessible_description(reason)
    page.keyboard.press("Escape")
    page.wait_for_url("**/console/sessions?status=active")
    page.keyboard.press("/")
    search = page.get_by_label("Search messages")
    expect(search).to_be_focused()
    # As one types: nothing is pressed, nothing is lost of what has the focus.
    page.keyboard.type("order 1")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/console/sessions\?q=order\+1&status=active$"))
    expect(page.locator("[data-found]")).to_have_text("1 session")
    expect(search).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    expect(page.locator("tbody tr")).to_have_count(4)
    page.keyboard.type("order 1")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Status").select_option("finished")
    page.wait_for_url("**/console/sessions?q=order+1&status=finished")
    expect(page.get_by_text("No sessions found")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("tbody tr")).to_have_count(4)

    for form, read in (("CSV", _ids_of_csv), ("JSON", _ids_of_json)):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("dialog").get_by_role("link", name=form).click()
        path = tmp_path / form
        download.value.save_as(path)
        assert read(path.read_text(encoding="utf-8-sig")) == ids[::-1]
        expect(page.get_by_text("4 sessions exported").last).to_be_visible()
        expect(page.get_by_role("dialog")).to_be_hidden()


def _ids_of_csv(text: str) -> list[str]:
    return [row["id"] for row in csv.DictReader(text.splitlines())]


def _ids_of_json(text: str) -> list[str]:
    return [item["id"] for item in json.loads(text)["items"]]


def fill(house: ConsoleHouse) -> str:
    """Sessions of all kinds; the id of the one in which most has happened."""
    house.staff("operator", "500", "Bob Builder")
    names = ("Carol", ARABIC, LONG, "李小龙", None)
    for number in range(30):
        conversation = str(3000 + number)
        name = names[number % 5]
        house.happen(
            conversation,
            house.assigned(conversation, "ai", "814860"),
            house.said(conversation, "Where is my order?"),
            contact=ContactSeen(
                id=f"u{number}", name=name, email=name and f"user{number}@example.test"
            ),
        )
    listed = house.get("/sessions?limit=100").json["items"]
    for number, one in enumerate(listed):
        conversation = one["conversation"]
        if number % 4 == 1:
            house.happen(conversation, house.assigned(conversation, "operator", "500"))
        if number % 7 == 3:
            house.happen(conversation, house.closed(conversation))
    busy = listed[2]
    bob = Actor(kind="operator", id="500", name="Bob Builder")
    where = busy["conversation"]

    def learn(db: object) -> None:
        found = db.session.get(ChatSession, busy["id"])  # type: ignore[attr-defined]
        found.parameters = {"order": "1042", "tags": ["vip", "berlin"]}
        found.results = {"topic": "refund"}
        db.flush()  # type: ignore[attr-defined]

    house.database.write(learn)
    house.happen(
        where,
        house.said(where, "أين طلبي؟ I paid twice."),
        house.noted(where, "This one is a VIP.", by=bob),
        house.said(where, "x" * 300),
    )
    house.post(f"/sessions/{busy['id']}/handover", {"reason": "asks for a refund " * 8})
    return str(busy["id"])


def test_a_chat_of_5000_messages(windows: Windows) -> None:
    """It opens at its end, and earlier lines come while one scrolls up."""
    house = windows.house
    session = house.session(text="The very first")

    def talk(db: object) -> None:
        first = db.session.query(Message).filter(Message.session_id == session).one()  # type: ignore[attr-defined]
        db.session.add_all(  # type: ignore[attr-defined]
            Message(
                id=new_id("msg"), conversation_id=first.conversation_id, session_id=session,
                external_id=f"m{number}", kind="message", html="",
                author_kind="customer" if number % 2 else "ai", text=f"Line {number}",
                state="received" if number % 2 else "sent", at=first.at + number,
                number=number, step=0, created_at=first.at,
            )
            for number in range(1, 5_000)
        )  # fmt: skip
        db.session.get(ChatSession, session).message_count = 5_000  # type: ignore[attr-defined]
        db.flush()  # type: ignore[attr-defined]

    house.database.write(talk)
    page = windows.open("viewer", f"/console/sessions/{session}")
    expect(page.get_by_text("Line 4999", exact=True)).to_be_in_viewport()
    expect(page.locator("[data-message-count]")).to_have_text("5,000 messages")
    lines = page.locator(".history .line")
    expect(lines).to_have_count(100)
    windows.picture(page, "session-5000")
    box = page.locator("[data-scroll]")
    for shown in (200, 300):
        before = page.get_by_text(f"Line {5_100 - shown}", exact=True)
        before.scroll_into_view_if_needed()
        expect(lines).to_have_count(shown)
        expect(before).to_be_in_viewport()  # it stands still while others come above it
    box.evaluate("e => e.scrollTop = e.scrollHeight")
    house.happen("1001", house.said("1001", "And one more"))
    expect(page.get_by_text("And one more", exact=True)).to_be_in_viewport()


def test_how_it_looks(windows: Windows) -> None:
    """Pictures for people to look at; axe finds nothing; nothing scrolls sideways."""
    page = windows.open("viewer", "/console/sessions")
    expect(page.get_by_text("No sessions yet")).to_be_visible()
    windows.picture(page, "sessions-empty")
    busy = fill(windows.house)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.goto("/console/sessions")
        windows.picture(page, f"sessions-{scheme}")
        assert violations(page) == []
        page.goto(f"/console/sessions/{busy}")
        page.get_by_text("Why the AI spoke or kept silent").click()
        expect(page.locator(".why-one").first).to_be_visible()
        windows.picture(page, f"session-{scheme}")
        assert violations(page) == []
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(NARROW)
    for path, name in (("", "sessions-narrow"), (f"/{busy}", "session-narrow")):
        page.goto(f"/console/sessions{path}")
        windows.picture(page, name, full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        still = "e => getComputedStyle(e, '::after').animationDuration"
        if dots := page.locator(".dot-active").all():
            assert dots[0].evaluate(still) in ("0s", "1e-05s", "0.001s")
