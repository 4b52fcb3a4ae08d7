"""The one receiver of every channel's notifications: raw bytes, verify, read, keep, answer.

Notifications are most of what comes in and need nothing that Flask does for a request, so they are
received in front of it. What is refused goes on to Flask, which answers as it does at every door;
but for what is not authentic, of which there may be very much: that is answered here, in the same
words, and if it is not even signed nothing of it is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec
from flask import Blueprint, Response, request
from werkzeug.wsgi import get_content_length, get_input_stream

from gateway.channels.base import Channel, Envelope
from gateway.errors import GatewayError, NotAuthentic, NotFound, Oversized
from gateway.quota.fairness import Fairness
from gateway.rails.answers import body_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY = 10 * 1024 * 1024

Receive = Callable[[Channel, Envelope, bytes], object]
Home = Callable[[Channel, Envelope], Channel]
"""The channel that a notification at a door is of: a door may be there for many workspaces."""
Answered = Callable[[str, int, float], object]
"""Told of each answer to a channel: its name, the status, the seconds that it took."""

_PREFIX = "/webhooks/"
_KEPT = b'{"status": "kept"}'
_REFUSED = "gateway.refused"


def receiving(
    application: WSGIApplication,
    channels: Mapping[str, Channel],
    home: Home,
    receive: Receive,
    headers: Iterable[tuple[str, str]],
    answered: Answered,
    fairness: Fairness,
    timer: Callable[[], float] = time.perf_counter,
) -> WSGIApplication:
    """`application`, with the receiver in front of it; `receive` keeps what is authentic.

    `channels` are those that have a door of their own; `home` tells whose a notification is.

    Never 410, which would end Intercom's subscription, and never 429, which delays it for hours.
    """
    more = list(headers)
    answer = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(_KEPT))),
        *more,
    ]

    def door(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        name = _named(environ)
        if name is None:
            return application(environ, start_response)
        began = timer()
        try:
            channel = _channel(channels, name)
            if not _is_signed(environ, channel):
                channel.receiver.verify(_Headers(environ), b"")
            body = _body(environ)
            channel.receiver.verify(_Headers(environ), body)
            envelope = channel.receiver.read_envelope(body)
            at = home(channel, envelope)
            with fairness.place((at.name, envelope.installation)):
                receive(at, envelope, body)
        except NotAuthentic as error:
            if _is_signed(environ, channels[name]):
                answered(name, error.status, timer() - began)
            return _not_authentic(error, more, start_response)
        except Exception as error:  # whatever it is, there is one place that answers for it
            environ[_REFUSED] = error
            if name in channels:
                answered(
                    name, error.status if isinstance(error, GatewayError) else 500, timer() - began
                )
            return application(environ, start_response)
        answered(name, 200, timer() - began)
        start_response("200 OK", answer)
        return [_KEPT]

    return door


def webhook_routes(channels: Mapping[str, Channel]) -> Blueprint:
    """What Flask answers at `/webhooks/<channel>`: HEAD, and for what was refused."""
    routes = Blueprint("webhooks", __name__, url_prefix=_PREFIX.rstrip("/"))

    @routes.route("/<name>", methods=["HEAD", "POST"], provide_automatic_options=False)
    def webhook(name: str) -> Response:
        refused: Exception | None = request.environ.get(_REFUSED)
        if refused is not None:
            raise refused
        _channel(channels, name)
        return Response(status=200)  # HEAD is sent by Intercom when the address is saved

    return routes


def _named(environ: WSGIEnvironment) -> str | None:
    """The channel that a notification is posted to; None for any other request."""
    path = environ.get("PATH_INFO", "")
    if environ["REQUEST_METHOD"] != "POST" or not path.startswith(_PREFIX):
        return None
    name: str = path[len(_PREFIX) :]
    return name if name and "/" not in name else None


def _is_signed(environ: WSGIEnvironment, channel: Channel) -> bool:
    """False for what the channel cannot have sent: whoever scans the web, or floods it."""
    return "HTTP_" + channel.signed_in.upper().replace("-", "_") in environ


def _not_authentic(
    error: NotAuthentic, headers: list[tuple[str, str]], start_response: StartResponse
) -> Iterable[bytes]:
    """The answer that Flask would give, for a tenth of what that costs."""
    body = msgspec.json.encode(body_of(error))
    told = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers]
    start_response("401 UNAUTHORIZED", told)
    return [body]


def _channel(channels: Mapping[str, Channel], name: str) -> Channel:
    channel = channels.get(name)
    if channel is None:
        raise NotFound(f"there is no channel {name!r} here; see [channels.*] in gateway.toml")
    return channel


def _body(environ: WSGIEnvironment) -> bytes:
    """The raw body; raises Oversized without reading a large one to its end."""
    too_large = f"the body is larger than {MAX_BODY} bytes"
    if (get_content_length(environ) or 0) > MAX_BODY:
        raise Oversized(too_large)
    # A chunked body does not announce its length.
    body: bytes = get_input_stream(environ).read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise Oversized(too_large)
    return body


class _Headers(Mapping[str, str]):
    """A request's headers by name; Werkzeug's own object iterates over pairs."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value: str = self._environ["HTTP_" + name.upper().replace("-", "_")]
        return value

    def __iter__(self) -> Iterator[str]:
        names = (key[5:] for key in self._environ if key.startswith("HTTP_"))
        return (name.replace("_", "-").title() for name in names)

    def __len__(self) -> int:
        return sum(1 for _ in self)
