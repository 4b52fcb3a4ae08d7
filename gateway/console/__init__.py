"""The console: the pages of those who watch, answer and run things; acts go through the API."""

from __future__ import annotations

from flask import Flask

from gateway.console.errors import add_error_pages
from gateway.console.events import EVENTS, add_event_stream
from gateway.console.files import Files, add_file_doors
from gateway.console.history import add_history_parts
from gateway.console.pages.account import add_account_pages
from gateway.console.pages.audit import add_audit_pages
from gateway.console.pages.channels import add_channel_pages
from gateway.console.pages.customers import add_customer_pages
from gateway.console.pages.deliveries import add_delivery_pages
from gateway.console.pages.human_agents import add_human_agents_pages
from gateway.console.pages.installations import add_installation_pages
from gateway.console.pages.operators import add_operator_pages
from gateway.console.pages.sessions import add_session_pages
from gateway.console.pages.start import add_start_pages
from gateway.console.rooms import PREFIX, Pages
from gateway.console.signing import add_signing_doors
from gateway.wiring import Parts

__all__ = ["EVENTS", "add_console"]


def add_console(app: Flask, parts: Parts) -> None:
    """Add every page under /console."""
    files = Files.read()
    # In front of the pages: whoever signs in is not signed in yet.
    add_file_doors(app, files)
    pages = Pages(parts, files)
    add_signing_doors(pages)
    if parts.elsewhere is not None:
        from gateway.console.provider import add_provider_doors  # brings Authlib along

        add_provider_doors(pages, parts.elsewhere)
    add_start_pages(pages)
    add_session_pages(pages)
    add_human_agents_pages(pages)
    add_history_parts(pages)
    add_customer_pages(pages)
    add_delivery_pages(pages)
    add_channel_pages(pages)
    add_installation_pages(pages)
    add_operator_pages(pages)
    add_audit_pages(pages)
    add_account_pages(pages)
    add_event_stream(pages)
    add_error_pages(pages)
    app.register_blueprint(pages.blueprint, url_prefix=PREFIX)
