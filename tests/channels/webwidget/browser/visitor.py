"""A visitor in a browser: what they do with the widget, and what they see of it."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.channels.webwidget.browser.shop import KEY

# What Chromium says by itself of a server that is away and of a token that was replaced meanwhile:
# both are part of some stories, and looked after by the widget.
_EXPECTED = ("net::ERR_", "401 (UNAUTHORIZED)")


class Visitor:
    """One tab with a page on which the widget is."""

    def __init__(self, context: BrowserContext, url: str, *, open: bool = True) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(f"{error} {error.stack}"))
        self.page.on("console", self._console)
        self.page.goto(url)
        if open:
            self.open()

    def _console(self, message: Any) -> None:
        if message.type == "error" and not any(one in message.text for one in _EXPECTED):
            self.troubles.append(message.text)

    # -- what there is -----------------------------------------------------------------------------

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog", name="Chat")

    @property
    def field(self) -> Locator:
        return self.page.get_by_role("textbox", name="Type your message")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log", name="Messages")

    def watch_for_doubles(self) -> None:
        """From now on keep, for each of the visitor's words, how often it stood there at most."""
        self.log.evaluate(
            """log => {
                const most = (log.mostAtOnce = {});
                const look = () => {
                    const now = {};
                    for (const { textContent } of log.querySelectorAll(".row.own .bubble"))
                        now[textContent] = (now[textContent] ?? 0) + 1;
                    for (const words in now) most[words] = Math.max(most[words] ?? 0, now[words]);
                };
                new MutationObserver(look).observe(log, { childList: true, subtree: true });
                look();
            }"""
        )

    @property
    def most_at_once(self) -> dict[str, int]:
        """How often each of the visitor's words stood there at the same moment, at most."""
        return dict(self.log.evaluate("log => log.mostAtOnce"))

    # -- what they do ------------------------------------------------------------------------------

    def open(self) -> None:
        self.button("Open chat").click()
        expect(self.dialog).to_be_visible()

    def write(self, text: str) -> None:
        self.field.fill(text)
        self.button("Send").click()

    def sees(self, text: str, times: int = 1) -> None:
        """Wait until the talk shows a text, so many times."""
        expect(self.log.get_by_text(text)).to_have_count(times)

    def evaluate(self, expression: str) -> Any:
        """Evaluate in the page's own world, with nothing of ours in between that leans on it."""
        cdp = self.context.new_cdp_session(self.page)
        told = cdp.send("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        cdp.detach()
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    # -- who they are ------------------------------------------------------------------------------

    @property
    def kept(self) -> dict[str, Any]:
        """What the browser keeps of them: `token` and `visitor`; empty before they are anybody."""
        text = self.evaluate(f"localStorage.getItem('gateway-widget:{KEY}:visitor')")
        kept: dict[str, Any] = json.loads(text or "{}")
        return kept

    @property
    def id(self) -> str:
        return str(self.kept["visitor"]["id"])

    @property
    def level(self) -> str:
        return str(self.kept.get("visitor", {}).get("level"))
