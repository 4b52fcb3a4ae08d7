"""Sessions: what happens, and what happened."""

from __future__ import annotations

from flask import Response

from gateway.console.rooms import EVERYBODY, Pages


def add_session_pages(pages: Pages) -> None:
    """Add them."""

    @pages.page("/sessions", roles=EVERYBODY, title="Sessions")
    def sessions() -> Response:
        return pages.render("sessions/list.html")
