"""360 View: who customers are."""

from __future__ import annotations

from flask import Response

from gateway.console.rooms import EVERYBODY, Pages


def add_customer_pages(pages: Pages) -> None:
    """Add them."""

    @pages.page("/customers", roles=EVERYBODY, title="360 View")
    def customers() -> Response:
        return pages.render("customers/list.html")
