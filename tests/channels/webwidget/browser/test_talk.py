"""The stories of a talk: the AI answers, a person takes over, it ends, and it begins again."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.channels.webwidget.browser.shop import CHANNEL, Operator, Shop
from tests.channels.webwidget.browser.visitor import Visitor
from tests.services.processes import wait_until

Visit = Callable[..., Visitor]


def _picture(width: int = 120, height: int = 80) -> bytes:
    """A PNG in which something can be seen: dusk over the bog."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    lines = (bytes([0, *bytes([18 + 2 * y, 58 + y, 65]) * width]) for y in range(height))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(lines)))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


PICTURE = _picture()


def session_of(visitor: Visitor, aoife: Operator) -> str:
    """The session that a person would take."""
    (session,) = aoife.sessions(channel=CHANNEL, conversation=visitor.id, status="active")
    return str(session["id"])


def test_from_the_first_word_to_a_new_beginning(visit: Visit, shop: Shop, aoife: Operator) -> None:
    visitor = visit()
    visitor.sees("Hello! Ask about an order")
    visitor.write("Where is my order FL-1077?")
    visitor.sees("is still in the workshop")
    visitor.write("Can I talk to a person?")
    visitor.sees("I am handing you over to a colleague now")
    expect(visitor.dialog).to_contain_text(re.compile(r"You are number \d+ in line"))

    session = session_of(visitor, aoife)
    aoife.do("accept", session)
    visitor.sees("Aoife Byrne has joined")
    aoife.do("messages", session, text="Aoife here. The engraving is **done**.")
    visitor.sees("The engraving is done.")
    expect(visitor.log.locator("strong", has_text="done")).to_be_visible()
    visitor.write("Lovely, thank you!")
    wait_until(lambda: "Lovely, thank you!" in shop.written(visitor.id), "the visitor's words")

    aoife.do("hand_back", session)
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")
    aoife.do("finish", session)
    visitor.sees("This conversation has ended")
    visitor.page.get_by_role("radio", name="5/5").check()
    visitor.button("Rate").click()
    expect(visitor.dialog).to_contain_text("Thank you!")

    visitor.button("Start a new conversation").click()
    visitor.write("One more thing: what are your opening hours?")
    visitor.sees("is open Monday to Friday")
    visitor.sees("is still in the workshop", times=0)
    assert session_of(visitor, aoife) != session


def test_quick_replies_are_said_with_one_click(visit: Visit) -> None:
    visitor = visit()
    visitor.button("What does shipping cost?").click()
    visitor.sees("Shipping is 4.90 EUR")
    expect(visitor.button("Talk to a person")).to_have_count(0)


def test_a_reload_in_the_middle_changes_nothing(visit: Visit, shop: Shop) -> None:
    visitor = visit()
    visitor.write("Where is my order FL-1042?")
    visitor.sees("left us on Thursday")
    visitor.field.fill("half a sent")
    visitor.page.reload()
    expect(visitor.dialog).to_be_visible()
    expect(visitor.field).to_have_value("half a sent")
    visitor.sees("Where is my order FL-1042?")
    visitor.sees("left us on Thursday")
    visitor.write("And FL-1077?")
    visitor.sees("is still in the workshop")
    wait_until(lambda: len(shop.written(visitor.id)) == 2, "both messages")


def test_two_tabs_show_the_same_talk(
    visit: Visit, new_context: Callable[..., BrowserContext], shop: Shop
) -> None:
    context = new_context()
    one = visit(context=context)
    one.write("What does shipping cost?")
    one.sees("Shipping is 4.90 EUR")
    two = visit(context=context, open=False)
    if two.button("Open chat").is_visible():
        two.open()
    two.sees("Shipping is 4.90 EUR")
    two.write("And when are you open?")
    for tab in (one, two):
        tab.sees("And when are you open?")
        tab.sees("is open Monday to Friday")
    one.write("Thanks!")
    for tab in (one, two):
        tab.sees("Thanks!")
    assert one.id == two.id
    assert shop.written(one.id) == ["What does shipping cost?", "And when are you open?", "Thanks!"]


def test_unread_words_are_counted_at_the_launcher_and_in_the_title(
    visit: Visit, aoife: Operator
) -> None:
    visitor = visit()
    visitor.write("Talk to a person")
    visitor.sees("I am handing you over")
    title = visitor.page.title()
    session = session_of(visitor, aoife)
    aoife.do("accept", session)
    visitor.sees("has joined")
    visitor.button("Close chat").first.click()
    expect(visitor.dialog).to_be_hidden()
    aoife.do("messages", session, text="Are you still there?")
    expect(visitor.button("Open chat")).to_have_accessible_description("New messages (1)")
    expect(visitor.page.get_by_role("status").filter(has_text="New messages (1)")).to_be_attached()
    visitor.button("Open chat").click()
    visitor.sees("Are you still there?")
    expect(visitor.page.locator("[data-unread]")).to_have_count(0)
    assert visitor.page.title() == title


def test_each_sees_that_the_other_is_writing(visit: Visit, aoife: Operator) -> None:
    visitor = visit()
    visitor.write("Talk to a person")
    visitor.sees("I am handing you over")
    session = session_of(visitor, aoife)
    aoife.do("accept", session)
    visitor.sees("has joined")
    aoife.do("typing", session, on=True)
    expect(visitor.dialog).to_contain_text("Aoife Byrne is typing")
    aoife.do("messages", session, text="I have looked it up.")
    visitor.sees("I have looked it up.")
    expect(visitor.dialog).not_to_contain_text("Aoife Byrne is typing")


def test_a_file_goes_up_and_a_file_comes_down(visit: Visit, shop: Shop, aoife: Operator) -> None:
    visitor = visit()
    expect(visitor.button("Attach files")).to_be_visible()
    visitor.page.locator("input[type=file]").set_input_files(
        {"name": "crack in the lens.png", "mimeType": "image/png", "buffer": PICTURE}
    )
    visitor.write("My light is broken, see the picture.")
    visitor.sees("My light is broken, see the picture.")
    file = visitor.log.get_by_role("button", name="crack in the lens.png")
    expect(file.locator("img")).to_be_visible()
    wait_until(lambda: len(shop.written(visitor.id)) == 1, "the message")
    (message, *_) = aoife.messages(session_of(visitor, aoife))
    (kept,) = message["attachments"]
    assert (kept["name"], kept["content_type"]) == ("crack in the lens.png", "image/png")
    with visitor.page.expect_download() as waiting:
        file.click()
    assert waiting.value.suggested_filename == "crack in the lens.png"
    assert waiting.value.path().read_bytes() == PICTURE
