"""Audit log: who did what."""

from __future__ import annotations

from flask import Response

from gateway.console.rooms import ADMINS, Pages


def add_audit_pages(pages: Pages) -> None:
    """Add them."""

    @pages.page("/audit", roles=ADMINS, title="Audit log")
    def audit() -> Response:
        return pages.render("audit/list.html")
