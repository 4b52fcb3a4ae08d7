"""Deliveries: what came in and what goes out, and what did not."""

from __future__ import annotations

from flask import Response

from gateway.console.rooms import ADMINS, Pages


def add_delivery_pages(pages: Pages) -> None:
    """Add them."""

    @pages.page("/deliveries", roles=ADMINS, title="Deliveries")
    def deliveries() -> Response:
        return pages.render("deliveries/list.html")
