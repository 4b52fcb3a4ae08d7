"""The door to the stream of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import structlog
from flask import Response, request

from gateway.api.callers import operator
from gateway.api.rooms import Room
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.events import EventsQuery
from gateway.errors import GatewayError
from gateway.streams import Hub, Stream, Wanted
from gateway.streams.stream import hanging_up
from gateway.wiring import Parts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = structlog.get_logger(__name__)

_LAST = "HTTP_LAST_EVENT_ID"
# What no place can be: whoever names it is told to begin anew.
_NOWHERE = -1


def add_event_doors(room: Room, parts: Parts) -> None:
    """Add the door that every role may use."""
    hub = parts.streams

    @room.door("GET", "/events", takes=EventsQuery, gives=None, gives_files=("text/event-stream",))
    def follow_events(query: Arguments) -> Response:
        """Follow what happens, as server-sent events; `Last-Event-ID` goes on where you were"""
        stream = open_stream(hub, query, operator().token_id, request.environ)
        answer = Response(written(stream), content_type="text/event-stream")
        answer.call_on_close(lambda: hub.close(stream))
        answer.headers["X-Accel-Buffering"] = "no"  # nginx would collect events for a while
        return answer


def open_stream(
    hub: Hub, query: Arguments, token_id: str | None, environ: WSGIEnvironment
) -> Stream:
    """Open a stream of what `EventsQuery` has read, for whoever has this token. Close it."""
    wanted = Wanted(session_id=query.get("session"), kinds=query.get("types", frozenset()))
    connection = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    stream = Stream(wanted, token_id=token_id, hang_up=hanging_up(connection))
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
