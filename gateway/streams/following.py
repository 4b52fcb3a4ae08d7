"""A request that follows what happens: from its place on, until it hangs up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import structlog

from gateway.errors import GatewayError
from gateway.streams.hub import Hub
from gateway.streams.stream import Stream, Wanted, hanging_up

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = structlog.get_logger(__name__)

_LAST = "HTTP_LAST_EVENT_ID"
# What no place can be: whoever names it is told to begin anew.
_NOWHERE = -1


def open_stream(
    hub: Hub, wanted: Wanted, let_in_by: str | None, environ: WSGIEnvironment
) -> Stream:
    """Open a stream for whoever was let in by this (a token, a sign-in). Close it."""
    connection = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    stream = Stream(wanted, let_in_by=let_in_by, hang_up=hanging_up(connection))
    hub.open(stream, _place(environ.get(_LAST)))
    return stream


def written(stream: Stream) -> Iterator[bytes]:
    """What is written to the reader, until the stream ends."""
    try:
        yield from stream
    except GatewayError as trouble:  # what was missed cannot be read now: come back a little later
        log.warning("stream_ended", error=trouble.message)


def _place(last: str | None) -> int | None:
    """The place after which a reader goes on; None if it begins."""
    if last is None or not last.strip():
        return None
    last = last.strip()
    return int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else _NOWHERE
