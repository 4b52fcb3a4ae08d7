"""The one receiver of every channel's notifications: raw bytes, verify, read, keep, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, request

from gateway.channels.base import Channel, Envelope
from gateway.errors import NotFound, Oversized

MAX_BODY = 10 * 1024 * 1024

Receive = Callable[[Channel, Envelope, bytes], object]


def webhook_routes(channels: Mapping[str, Channel], receive: Receive) -> Blueprint:
    """The routes of `/webhooks/<channel>`; `receive` keeps what is authentic.

    Never 410, which would end Intercom's subscription, and never 429, which delays it for hours.
    """
    routes = Blueprint("webhooks", __name__, url_prefix="/webhooks")

    @routes.route("/<name>", methods=["HEAD", "POST"], provide_automatic_options=False)
    def webhook(name: str) -> Response:
        channel = channels.get(name)
        if channel is None:
            raise NotFound(f"there is no channel {name!r} here; see [channels.*] in gateway.toml")
        if request.method == "HEAD":  # sent by Intercom when the address is saved
            return Response(status=200)
        body = _body()
        # Werkzeug's own object iterates over pairs, so it is no mapping of names.
        channel.receiver.verify(dict(request.headers), body)
        envelope = channel.receiver.read_envelope(body)
        receive(channel, envelope, body)
        return Response('{"status": "kept"}', content_type="application/json")

    return routes


def _body() -> bytes:
    """The raw body; raises Oversized without reading a large one to its end."""
    too_large = Oversized(f"the body is larger than {MAX_BODY} bytes")
    if (request.content_length or 0) > MAX_BODY:
        raise too_large
    body = request.stream.read(MAX_BODY + 1)  # a chunked body does not announce its length
    if len(body) > MAX_BODY:
        raise too_large
    return body
