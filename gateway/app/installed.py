"""What a channel's tool tells and asks of an app besides notifications: uninstalled, how are you.

Both are signed over the raw body, by another header and hash than notifications are. Also the
addresses that an app's settings in the tool name: into the app, and back.
"""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from gateway.channels.base import Channel
from gateway.clock import to_micros
from gateway.errors import NotFound, Unreadable
from gateway.rails.answers import json_answer
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_MOST_BYTES = 64 * 1024
_NAMES = ("app_id", "workspace_id")


def add_app_doors(app: Flask, parts: Parts) -> None:
    """Add the doors."""

    def posted(name: str) -> tuple[Channel, str]:
        """The channel whose door it is, and the workspace that is meant; raise Theirs."""
        channel = parts.doors.get(name)
        if channel is None or channel.verify_body is None:
            raise NotFound("there is no such door")
        request.max_content_length = _MOST_BYTES
        body = request.get_data()
        channel.verify_body(dict(request.headers), body)
        return channel, _workspace(body)

    @app.post("/webhooks/<name>/uninstall")
    def uninstall(name: str) -> Response:
        channel, workspace = posted(name)
        if name not in parts.installing.apps:
            # A private app's token is a matter of the settings.
            log.warning("app_uninstalled", channel=channel.name)
            return json_answer({"status": "kept"})
        known = parts.installing.uninstalled(name, workspace)
        return json_answer({"status": "kept" if known else "not installed"})

    @app.post("/webhooks/<name>/health")
    def health(name: str) -> Response:
        channel, workspace = posted(name)
        if name in parts.installing.apps:
            parts.refresh()
            found = parts.channels.get(f"{name}.{workspace}")
            if found is None:
                message = "The app is not installed in this workspace."
                return json_answer({"state": "UNHEALTHY", "message": message})
            channel = found
        now = to_micros(parts.clock.now())
        with parts.database.read() as db:
            wrong = [
                one.what
                for one in parts.watched[channel.name].look(db, now).findings
                if not one.ok and one.code in _TOLD
            ]
        if not wrong:
            return json_answer({"state": "OK"})
        return json_answer({"state": "UNHEALTHY", "message": wrong[0]})

    @app.get("/channels/<name>/<any(install, callback):step>")
    def way_in(name: str, step: str) -> BaseResponse:
        """On to the console, which knows who has signed in, with what the tool has sent along."""
        asked = request.query_string.decode("ascii", "replace")
        return redirect(f"/console/channels/{name}/{step}" + (f"?{asked}" if asked else ""), 303)


# What a workspace's own admins can do something about; our own troubles are not theirs.
_TOLD = frozenset({"paused", "token", "bot_removed", "bot_away", "fin", "workflow"})


def _workspace(body: bytes) -> str:
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("the body is not JSON") from error
    if isinstance(content, dict):
        for name in _NAMES:
            found = content.get(name)
            if isinstance(found, str) and 0 < len(found) <= 64 and found.isprintable():
                return found
    raise Unreadable(f"the body names no workspace ({' or '.join(_NAMES)})")
