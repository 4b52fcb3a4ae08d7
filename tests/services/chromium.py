"""The Chromium of this machine, as tests and benches drive it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NONE_THERE = "no Chromium on PATH: run scripts/chromium.sh"

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def find_chromium() -> str | None:
    """Its path, as Playwright takes it; None if there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def running_chromium(path: str) -> Iterator[Browser]:
    """A browser. A process can have Playwright only once, and no other event loop beside it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGS)
        try:
            yield browser
        finally:
            browser.close()
