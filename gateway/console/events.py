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
        environ = request.environ
        after = request.args.get("after")
        # A page that takes over from another goes on where that one was. Once it is connected, its
        # browser says by itself where it is.
        if after is not None and "HTTP_LAST_EVENT_ID" not in environ:
            environ = {**environ, "HTTP_LAST_EVENT_ID": after}
        stream = open_stream(hub, Wanted(), here.id, environ)
        answer = Response(written(stream), content_type="text/event-stream")
        answer.call_on_close(lambda: hub.close(stream))
        answer.headers["X-Accel-Buffering"] = "no"  # nginx would collect events for a while
        return answer
