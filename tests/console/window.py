"""A real Chromium on a real server, for what only a browser can show."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway.people.signins import Caller
from tests.console.house import PASSWORD, ConsoleHouse

SCREENS = Path(__file__).parents[2] / "build" / "screens"
_NOWHERE = Caller(address="127.0.0.1", browser="Chromium")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


class Windows:
    """Browsers of people on a house that is served at `url`.

    Any script error, blocked resource or failed request of a page fails the test at its end, unless
    the test expects it (`expect_trouble`).
    """

    def __init__(self, house: ConsoleHouse, url: str, browser: Browser) -> None:
        self.house = house
        self.url = url
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.troubles: list[str] = []

    def open(self, role: str | None = "operator", path: str = "/console", **context: Any) -> Page:
        """A page in a browser of its own, where this person has signed in (None: nobody)."""
        made = self.browser(**context)
        if role is not None:
            signins = self.house.parts.signins
            secret = signins.sign_in(f"{role}@acme.test", PASSWORD, _NOWHERE)
            made.add_cookies(
                [{"name": self.house.parts.cookie.name, "value": secret, "url": self.url,
                  "httpOnly": True, "sameSite": "Lax"}]
            )  # fmt: skip
        return self._go(made.new_page(), path)

    def browser(self, **context: Any) -> BrowserContext:
        """A browser of somebody who has never been here."""
        context.setdefault("viewport", WIDE)
        context.setdefault("reduced_motion", "reduce")  # no picture is half way
        made = self._browser.new_context(base_url=self.url, locale="en-GB", **context)
        self._contexts.append(made)
        return made

    def tab(self, page: Page, path: str) -> Page:
        """Another page in the same browser."""
        return self._go(page.context.new_page(), path)

    def _go(self, page: Page, path: str) -> Page:
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._note)
        page.goto(path)
        return page

    def picture(self, page: Page, name: str, **more: Any) -> None:
        """Keep what is seen, to be looked at: build/screens/NAME.png."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENS / f"{name}.png", animations="disabled", **more)

    def expect_trouble(self, *words: str) -> None:
        """Forget what was noted of these; fails if nothing was."""
        for word in words:
            assert any(word in trouble for trouble in self.troubles), (word, self.troubles)
        self.allow_trouble(*words)

    def allow_trouble(self, *words: str) -> None:
        """Forget what was noted of these, if anything was."""
        self.troubles = [one for one in self.troubles if not any(word in one for word in words)]

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.troubles.append(f"{message.text} ({message.location.get('url', '')})")

    def close(self) -> None:
        for context in self._contexts:
            context.close()


class _Quiet(WSGIRequestHandler):
    """A line for each request would hide what matters."""

    def log(self, *args: Any) -> None: ...


@contextmanager
def served(house: ConsoleHouse, port: int) -> Iterator[None]:
    """The house at this port of this machine."""
    server = make_server("127.0.0.1", port, house.app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
