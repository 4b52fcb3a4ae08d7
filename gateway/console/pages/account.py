"""One's own account: name, password, where one is signed in."""

from __future__ import annotations

from flask import Response

from gateway.clock import to_micros
from gateway.console.people import one
from gateway.console.rooms import Pages
from gateway.people import signins


def add_account_pages(pages: Pages) -> None:
    """Add the page that everybody has."""
    parts = pages.parts

    @pages.page("/account", title="Your account")
    def account() -> Response:
        here = pages.signed_in()
        now = to_micros(parts.clock.now())
        with parts.database.read() as db:
            signed_in = signins.of_operator(db, here.operator.id, now)
        return pages.render(
            "account.html",
            person=one(parts, here.operator.id),
            here=here.id,
            signed_in=signed_in,
        )
