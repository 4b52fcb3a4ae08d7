"""Every state of the widget, light and dark, wide and narrow: axe finds nothing wrong in it.

Each is photographed into a folder (`GATEWAY_SCREENS`, or build/screens), to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.channels.webwidget.browser.conftest import ROOT
from tests.channels.webwidget.browser.pages import Pages
from tests.channels.webwidget.browser.shop import Operator, proof
from tests.channels.webwidget.browser.test_outages import MESSAGES, refuse_messages
from tests.channels.webwidget.browser.test_talk import PICTURE, session_of
from tests.channels.webwidget.browser.test_who import identify
from tests.channels.webwidget.browser.visitor import Visitor
from tests.services.processes import wait_until

Visit = Callable[..., Visitor]
Look = Callable[[Visitor, str], None]

AXE = ROOT / "gateway/channels/webwidget/client/node_modules/axe-core/axe.min.js"
# The host page's own faults are its own; WCAG 2.2 AA and best practices of the widget.
RUN_AXE = """() => axe.run(document.body, { resultTypes: ["violations"] }).then((found) =>
  found.violations.map((one) => `${one.id}: ${one.help}: ` +
    one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join(" | ")))"""

SIZES = {"wide": (1280, 800), "narrow": (360, 640)}


@pytest.fixture(
    params=[(scheme, size) for scheme in ("light", "dark") for size in SIZES], ids="-".join
)
def looks(request: pytest.FixtureRequest, screens: Path) -> Iterator[tuple[dict[str, Any], Look]]:
    """How the browser is, and what looks at a state there."""
    scheme, size = request.param
    width, height = SIZES[size]
    found: list[str] = []
    numbers = iter(range(1, 100))

    def look(visitor: Visitor, state: str) -> None:
        page = visitor.page
        name = f"{scheme}-{size}-{next(numbers):02d}-{state}"
        page.screenshot(path=screens / f"{name}.png", animations="disabled")
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(AXE.read_text(encoding="utf-8"))
        found.extend(f"{name}: {one}" for one in page.evaluate(RUN_AXE))
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    yield {"color_scheme": scheme, "viewport": {"width": width, "height": height}}, look
    assert found == []


LONG = """\
Here is all of it:

1. `FL-1042` is on its way
2. the **second** one follows

> You wrote: when?

```
tracking FL-1042-IE-00000000000000000000000000000000000000000000000000000000000000
```

See [our page](https://fenlight.example/a/very/long/address/that/goes/on/and/on/and/on/and/on)."""


def test_every_state_of_a_talk(
    visit: Visit, looks: tuple[dict[str, Any], Look], aoife: Operator
) -> None:
    how, look = looks
    visitor = visit(open=False, **how)
    expect(visitor.button("Open chat")).to_be_visible()
    look(visitor, "launcher")
    visitor.open()
    visitor.sees("Hello! Ask about an order")
    look(visitor, "welcome")
    visitor.write("Where is my order FL-1042?")
    visitor.sees("left us on Thursday")
    look(visitor, "answered")
    visitor.write("Talk to a person")
    visitor.sees("I am handing you over")
    look(visitor, "waiting")
    session = session_of(visitor, aoife)
    aoife.do("accept", session)
    visitor.sees("has joined")
    aoife.do("messages", session, text=LONG)
    visitor.sees("tracking FL-1042-IE")
    aoife.do("typing", session, on=True)
    expect(visitor.dialog).to_contain_text("is typing")
    look(visitor, "person")
    visitor.button("Close chat").first.click()
    aoife.do("messages", session, text="Anything else?")
    expect(visitor.button("Open chat")).to_have_accessible_description("New messages (1)")
    look(visitor, "unread")
    visitor.open()
    visitor.context.set_offline(True)
    visitor.write("No, thank you!")
    expect(visitor.dialog).to_contain_text("No connection.")
    look(visitor, "offline")
    visitor.context.set_offline(False)
    expect(visitor.dialog).not_to_contain_text("No connection.")
    # Said after the end, it would begin a new session.
    wait_until(lambda: aoife.messages(session)[-1]["text"] == "No, thank you!", "the last word")
    aoife.do("finish", session)
    visitor.sees("This conversation has ended")
    look(visitor, "ended")
    visitor.page.get_by_role("radio", name="4/5").check()
    look(visitor, "rating")
    visitor.button("Rate").click()
    expect(visitor.dialog).to_contain_text("Thank you!")
    look(visitor, "thanks")


def test_trouble_and_history(
    visit: Visit, looks: tuple[dict[str, Any], Look], aoife: Operator
) -> None:
    """What is refused, files, and the talks of before that a proven visitor finds."""
    how, look = looks
    visitor = visit(**how)
    identify(visitor, jwt=proof(sub=f"looks-{how['color_scheme']}-{how['viewport']['width']}"))
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")
    aoife.do("finish", session_of(visitor, aoife))
    visitor.sees("This conversation has ended")
    visitor.button("Start a new conversation").click()

    expect(visitor.button("Attach files")).to_be_visible()
    chooser = visitor.page.locator("input[type=file]")
    picture = {"name": "crack.png", "mimeType": "image/png", "buffer": PICTURE}
    wrong = {"name": "setup.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}
    chooser.set_input_files([picture, wrong])
    expect(visitor.dialog).to_contain_text("Files of this kind are not allowed")
    look(visitor, "files")
    visitor.button("Delete: setup.exe").click()
    visitor.write("See the picture. When are you open?")
    visitor.sees("is open Monday to Friday")
    expect(visitor.log.get_by_role("button", name="crack.png").locator("img")).to_be_visible()
    refuse_messages(visitor)
    visitor.write("This one is refused")
    expect(visitor.button("Try again")).to_be_visible()
    look(visitor, "refused")
    visitor.troubles.clear()  # Chromium reports the refusals
    visitor.page.unroute(MESSAGES)
    visitor.button("Delete").click()
    visitor.sees("This one is refused", times=0)

    visitor.button("Earlier conversations").click()
    visitor.page.get_by_text("Shipping is 4.90 EUR").wait_for()
    look(visitor, "earlier")


@pytest.mark.parametrize("lang", ["ar", "de", "es", "fr"])
@pytest.mark.parametrize("looks", [("light", size) for size in SIZES], indirect=True, ids="-".join)
def test_other_languages(
    visit: Visit,
    looks: tuple[dict[str, Any], Look],
    pages: Pages,
    tag: Callable[..., str],
    lang: str,
) -> None:
    """Longer words fit, and Arabic runs from right to left."""
    how, look = looks
    url = pages.page(f"/{lang}", head=tag(), lang=lang, dir="rtl" if lang == "ar" else "ltr")
    visitor = visit(url, open=False, **how)
    visitor.page.locator("button[aria-expanded]").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("FL-1042")
    dialog.get_by_role("textbox").press("Enter")
    expect(dialog.get_by_role("log")).to_contain_text("left us on Thursday")
    look(visitor, lang)
    box, width = dialog.bounding_box(), how["viewport"]["width"]
    assert box is not None
    assert box["x"] < width / 2 if lang == "ar" else box["x"] + box["width"] > width / 2
