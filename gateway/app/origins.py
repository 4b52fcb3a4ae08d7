"""Each request that is no notification is the origin of what follows from it.

Its id is the answer's X-Request-Id, where the door tells one. Notifications have origins of their
own: the ids under which they are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from gateway.logs import about
from gateway.store import new_id
from gateway.tracing import span

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def with_origins(application: WSGIApplication) -> WSGIApplication:
    """`application`, with an origin and a span for each request, until it begins to answer."""

    def named(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # No more of the path than that: a link to a file opens to whoever knows it.
        first = environ.get("PATH_INFO", "")[1:].partition("/")[0][:32]
        names = {"method": environ["REQUEST_METHOD"], "door": first}
        with about(origin=new_id("req")), span("request", names, begins=True) as whole:

            def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
                whole.note(status=int(status[:3]))
                return start_response(status, headers, exc_info)

            return application(environ, start)

    return named
