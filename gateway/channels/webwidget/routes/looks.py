"""How a deployment's widget looks and what it offers: `config` in the protocol."""

from __future__ import annotations

from typing import Any

from gateway.channels.webwidget.content import content_of_markdown
from gateway.channels.webwidget.deployments import Deployment
from gateway.channels.webwidget.routes.schemas import MAX_TEXT


def looks(deployment: Deployment) -> dict[str, Any]:
    """What the browser side is told of its deployment."""
    settings = deployment.settings
    return {
        "title": settings.title,
        "welcome_message": content_of_markdown(settings.welcome_message) or None,
        "quick_replies": list(settings.quick_replies),
        "color": settings.color,
        "files": None,
        "rating": settings.rating,
        "max_text": MAX_TEXT,
    }
