"""Operators: the people inside."""

from __future__ import annotations

from flask import Response

from gateway.console.rooms import ADMINS, Pages


def add_operator_pages(pages: Pages) -> None:
    """Add them."""

    @pages.page("/operators", roles=ADMINS, title="Operators")
    def operators() -> Response:
        return pages.render("operators/list.html")
