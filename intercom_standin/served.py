"""What is served on a thread of its own, from `start()` to `stop()`."""

from __future__ import annotations

import io
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Served:
    """Serves an application. Use it as a context manager, or start() and stop() it."""

    def __init__(self, application: WSGIApplication, *, keeps_connections: bool = False) -> None:
        self._application = application
        self._handler = _KeepingHandler if keeps_connections else _QuietHandler
        self._server: BaseWSGIServer | None = None

    @property
    def base_url(self) -> str:
        """The address of the REST API. Raises RuntimeError before start()."""
        if self._server is None:
            raise RuntimeError("the stand-in is not started")
        return f"http://{self._server.host}:{self._server.port}"

    def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Serve on a thread of its own; port 0 takes a free one."""
        self._server = make_server(
            host, port, self._application, threaded=True, request_handler=self._handler
        )
        threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},  # so that stop() takes no half second
            name="standin-server",
            daemon=True,
        ).start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _QuietHandler(WSGIRequestHandler):
    """Serves in silence."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: `StandIn.requests` is the log."""


class _KeepingHandler(_QuietHandler):
    """Keeps connections open between requests, as Intercom does and Werkzeug's handler does not."""

    disable_nagle_algorithm = True
    wbufsize = -1  # an answer is written at once

    def run_wsgi(self) -> None:
        """Take the whole body in, so that the next request begins where this one ends."""
        environ = self.make_environ()
        length = int(self.headers["Content-Length"] or 0)
        environ["wsgi.input"] = io.BytesIO(self.rfile.read(length))
        answer = Response.from_app(self.server.app, environ, buffered=True)
        body = answer.get_data()
        self.send_response(answer.status_code)
        answer.headers.set("Content-Length", len(body))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
