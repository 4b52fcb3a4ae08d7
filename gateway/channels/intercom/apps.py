"""A public app: one door for all workspaces that installed it, and a channel for each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any, NoReturn

from gateway.channels.base import App, Channel, Installed
from gateway.channels.intercom import open_channel
from gateway.channels.intercom.oauth import IntercomConsent, address_of
from gateway.config import REGIONS, IntercomAppSettings, IntercomRules, IntercomSettings
from gateway.errors import Paused
from gateway.quota import Quota

__all__ = ["open_app"]

_SHARED = tuple(rule.name for rule in fields(IntercomRules) if rule.name not in ("name", "region"))
_NOWHERE = ""


def open_app(settings: IntercomAppSettings, quota_of: Callable[[str], Quota]) -> App:
    """Return the app that `[channels.NAME]` with a `client_id` describes. Opens nothing.

    `quota_of` a workspace's channel is what all processes share of its rate limit.
    """
    door = open_channel(settings.name, _of_workspace(settings, settings.name, app_id=_NOWHERE))
    return App(
        name=settings.name,
        kind="intercom",
        agent=settings.agent,
        tool=door.tool,
        regions=tuple(sorted(REGIONS, key=lambda region: region != settings.region)),
        # Of no workspace, so that whatever it is asked to keep is foreign.
        door=replace(door, installation=_NOWHERE),
        consent=IntercomConsent(settings),
        open_channel=partial(_open_installed, settings, quota_of),
    )


def _open_installed(
    app: IntercomAppSettings,
    quota_of: Callable[[str], Quota],
    one: Installed,
    refused: Callable[[], object],
) -> Channel:
    decided = {name: _tupled(value) for name, value in one.settings.items()}
    settings = replace(
        _of_workspace(
            app,
            one.channel,
            app_id=one.workspace,
            access_token=one.token,
            bot_admin_id=one.seat,
            region=one.region,
            base_url=address_of(app, one.region),
        ),
        **decided,
    )
    channel = open_channel(one.channel, settings, quota_of(one.channel), refused=refused)
    channel = replace(channel, app=app.name, title=one.title, paused=one.paused)
    if one.paused is None:
        return channel
    return replace(channel, open_sender=partial(_rest, one.paused))


def _of_workspace(app: IntercomAppSettings, name: str, **own: Any) -> IntercomSettings:
    shared = {rule: getattr(app, rule) for rule in _SHARED}
    return IntercomSettings(
        **{**shared, "access_token": "", "bot_admin_id": "", "region": app.region, **own}, name=name
    )


def _rest(why: str) -> NoReturn:
    raise Paused(why)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
