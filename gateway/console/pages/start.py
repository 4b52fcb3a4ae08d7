"""Where the console begins."""

from __future__ import annotations

from werkzeug.wrappers import Response as BaseResponse

from gateway.console.looks import start_of
from gateway.console.rooms import Pages


def add_start_pages(pages: Pages) -> None:
    """Add `/console`, which goes on to the page that somebody begins with."""

    @pages.page("")
    def start() -> BaseResponse:
        return pages.go(start_of(pages.operator().role))

    @pages.page("/")
    def start_with_slash() -> BaseResponse:
        return pages.go(start_of(pages.operator().role))
