"""The door to the stream of events."""

from __future__ import annotations

from flask import Response, request

from gateway.api.callers import operator
from gateway.api.rooms import Room
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.events import EventsQuery
from gateway.streams import Wanted, open_stream, written
from gateway.wiring import Parts


def add_event_doors(room: Room, parts: Parts) -> None:
    """Add the door that every role may use."""
    hub = parts.streams

    @room.door("GET", "/events", takes=EventsQuery, gives=None, gives_files=("text/event-stream",))
    def follow_events(query: Arguments) -> Response:
        """Follow what happens, as server-sent events; `Last-Event-ID` goes on where you were"""
        stream = open_stream(hub, wanted_by(query), operator().let_in_by, request.environ)
        answer = Response(written(stream), content_type="text/event-stream")
        answer.call_on_close(lambda: hub.close(stream))
        answer.headers["X-Accel-Buffering"] = "no"  # nginx would collect events for a while
        return answer


def wanted_by(query: Arguments) -> Wanted:
    """What the query, as `EventsQuery` has read it, asks for."""
    return Wanted(session_id=query.get("session"), kinds=query.get("types", frozenset()))
