"""The door to the stream of events, in front of Flask: after a restart, thousands knock at once.

Whoever comes with a token that holds, asks for what may be asked, and does not come too often, is
let in here, at half of what Flask's way costs. Anybody else goes on to Flask's door
(`doors/events.py`), which counts and refuses as every door does.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import marshmallow as ma
from werkzeug.wsgi import ClosingIterator

from gateway.api.doors.events import wanted_by
from gateway.api.schemas.events import EventsQuery
from gateway.api.trail import REQUEST_ID
from gateway.errors import GatewayError
from gateway.people.operators import authenticate
from gateway.store import Database, new_id
from gateway.streams import Hub, Stream, open_stream, written

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_OPENED, _WITHIN_S = 20, 10.0
"""So many streams may one token open in so many seconds here; Flask's door counts what is more."""
_MOST_KNOWN = 20_000
_QUERY = EventsQuery()


def opening(
    application: WSGIApplication,
    path: str,
    database: Database,
    hub: Hub,
    headers: Iterable[tuple[str, str]],
    timer: Callable[[], float] = time.monotonic,
) -> WSGIApplication:
    """`application`, with the stream's door in front of it; `headers` are on every answer."""
    answer = [("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no"), *headers]
    openings = Openings(timer)

    def door(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != path or environ["REQUEST_METHOD"] != "GET":
            return application(environ, start_response)
        try:
            stream = _opened(environ, database, hub, openings)
        except (GatewayError, ma.ValidationError):
            stream = None
        if stream is None:
            return application(environ, start_response)
        start_response("200 OK", [*answer, (REQUEST_ID, new_id("req"))])
        return ClosingIterator(written(stream), [lambda: hub.close(stream)])

    return door


def _opened(
    environ: WSGIEnvironment, database: Database, hub: Hub, openings: Openings
) -> Stream | None:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    asked = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if len(dict(asked)) < len(asked):
        return None
    query = _QUERY.load(dict(asked)) if asked else {}
    with database.read() as db:
        token_id = authenticate(db, token.strip()).token_id
    if token_id is None or not openings.count(token_id):
        return None
    return open_stream(hub, wanted_by(query), token_id, environ)


class Openings:
    """Counts how often each token opens streams in this process."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._recent: dict[str, deque[float]] = {}

    def count(self, token_id: str) -> bool:
        """Count one; False if that is too many."""
        now = self._timer()
        with self._lock:
            if len(self._recent) >= _MOST_KNOWN:
                self._recent.clear()
            mine = self._recent.setdefault(token_id, deque())
            while mine and mine[0] <= now - _WITHIN_S:
                mine.popleft()
            if len(mine) >= _OPENED:
                return False
            mine.append(now)
            return True
