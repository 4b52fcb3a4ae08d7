"""How a deployment's widget looks and what it offers: `config` in the protocol."""

from __future__ import annotations

from typing import Any

from gateway.channels.webwidget.backend import Taken
from gateway.channels.webwidget.content import content_of_markdown
from gateway.channels.webwidget.deployments import Deployment
from gateway.channels.webwidget.routes.schemas import MAX_TEXT, MOST_FILES


def looks(deployment: Deployment, taken: Taken | None) -> dict[str, Any]:
    """What the browser side is told of its deployment, and of files that are `taken`."""
    settings = deployment.settings
    files = taken and {
        "max_bytes": taken.max_bytes,
        "types": list(taken.endings),
        "most": MOST_FILES,
    }
    return {
        "title": settings.title,
        "ai_name": settings.ai_name or None,
        "welcome_message": content_of_markdown(settings.welcome_message) or None,
        "quick_replies": list(settings.quick_replies),
        "color": settings.color,
        "files": files,
        "rating": settings.rating,
        "max_text": MAX_TEXT,
    }
