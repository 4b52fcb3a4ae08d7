"""What open pages follow: the events of the API's stream, by cookie."""

from __future__ import annotations

from flask import Response, request

from gateway.console.rooms import EVERYBODY, PREFIX, Pages
from gateway.streams import Wanted, open_stream, written

EVENTS = f"{PREFIX}/events"


def add_event_stream(pages: Pages) -> None:
    """Add the stream. The browser reads everything that its person may, in one connection."""
    hub = pages.parts.streams

    @pages.blueprint.get("/events")
    def events() -> Response:
        here = pages.require(*EVERYBODY)
        stream = open_stream(hub, Wanted(), here.id, request.environ)
        answer = Response(written(stream), content_type="text/event-stream")
        answer.call_on_close(lambda: hub.close(stream))
        answer.headers["X-Accel-Buffering"] = "no"  # nginx would collect events for a while
        return answer
