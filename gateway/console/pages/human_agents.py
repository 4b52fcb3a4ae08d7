"""Human Agents: where operators answer."""

from __future__ import annotations

from flask import Response

from gateway.console.rooms import MAY_ACT, Pages


def add_human_agents_pages(pages: Pages) -> None:
    """Add them."""

    @pages.page("/human-agents", roles=MAY_ACT, title="Human Agents")
    def human_agents() -> Response:
        return pages.render("human_agents/list.html")
