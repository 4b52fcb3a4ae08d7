"""The door to the stream of events."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from flask import Response, request

from gateway.api.callers import operator
from gateway.api.rooms import Room
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.events import EventsQuery
from gateway.errors import GatewayError
from gateway.streams import Stream, Wanted
from gateway.streams.stream import hanging_up
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_LAST = "Last-Event-ID"
# What no place can be: whoever names it is told to begin anew.
_NOWHERE = -1


def add_event_doors(room: Room, parts: Parts) -> None:
    """Add the door that every role may use."""
    hub = parts.streams

    @room.door("GET", "/events", takes=EventsQuery, gives=None, gives_files=("text/event-stream",))
    def follow_events(query: Arguments) -> Response:
        """Follow what happens, as server-sent events; `Last-Event-ID` goes on where you were"""
        stream = Stream(
            Wanted(session_id=query.get("session"), kinds=query.get("types", frozenset())),
            token_id=operator().token_id,
            hang_up=hanging_up(
                request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
            ),
        )
        hub.open(stream, _place(request.headers.get(_LAST)))

        answer = Response(_frames(stream), content_type="text/event-stream")
        answer.call_on_close(lambda: hub.close(stream))
        answer.headers["X-Accel-Buffering"] = "no"  # nginx would collect events for a while
        return answer


def _frames(stream: Stream) -> Iterator[bytes]:
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
