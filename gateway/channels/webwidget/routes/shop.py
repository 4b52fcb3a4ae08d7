"""A small shop to try the widget in, where `demo_page = true`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from flask import Blueprint, Response, render_template

from gateway.config import WebWidgetSettings
from gateway.errors import NotFound

# What a strict page has to allow the widget (docs/widget.md), and nothing else but its own style.
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' https: data: blob:; "
    "style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types gateway-widget"
)


def shop_routes(channels: Mapping[str, WebWidgetSettings]) -> Blueprint:
    """The door `/widget/demo/<channel>`, for the channels that have a demo page."""
    templates = Path(__file__).with_name("templates")
    blueprint = Blueprint("widget_shop", __name__, template_folder=str(templates))

    @blueprint.get("/widget/demo/<channel>")
    def shop(channel: str) -> Response:
        settings = channels.get(channel)
        if settings is None:
            raise NotFound("no channel of this name has a demo page (demo_page = true)")
        nonce = secrets.token_urlsafe(16)
        page = Response(render_template("widget_shop.html", settings=settings, nonce=nonce))
        page.headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        return page

    return blueprint
