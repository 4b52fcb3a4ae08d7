"""Channels: how they are."""

from __future__ import annotations

from flask import Response

from gateway.console.rooms import ADMINS, Pages


def add_channel_pages(pages: Pages) -> None:
    """Add them."""

    @pages.page("/channels", roles=ADMINS, title="Channels")
    def channels() -> Response:
        return pages.render("channels/list.html")
