"""An installation as administrators see it: in the API, and on its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.clock import to_time
from gateway.config import ChannelSettings
from gateway.installing import book
from gateway.installing.book import SETTINGS, Known
from gateway.store import Transaction

Json = dict[str, Any]

_OF_WORKSPACES = {"hand_over_to": "", "ai_teams": ()}
"""What no table of an app says, because ids are a workspace's own."""


def shown(db: Transaction, known: Known, app: ChannelSettings) -> Json:
    """Everything but the token; what the workspace has not decided is as the app's table says."""
    settings = {name: known.settings.get(name, _default(app, name)) for name in SETTINGS}
    return {
        "channel": known.channel,
        "app": known.app,
        "workspace": known.external_id,
        "title": known.title,
        "region": known.region,
        "state": known.state,
        "since": to_time(known.state_since),
        "why": book.WHY.get(known.state),
        "seat": known.seat,
        "settings": {name: _plain(value) for name, value in settings.items()},
        "decided": sorted(known.settings),
        "installed_at": to_time(known.installed_at),
        "installed_by": book.name_of(db, known.installed_by),
    }


def decisions(known: Known, app: ChannelSettings, settings: Mapping[str, Any]) -> Json:
    """What of `settings` is a decision: a form sends along what merely holds there, too."""
    return {
        name: value
        for name, value in settings.items()
        if value is None or name in known.settings or value != _plain(_default(app, name))
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _default(app: ChannelSettings, name: str) -> Any:
    return getattr(app, name, _OF_WORKSPACES.get(name))
