"""The network of a gateway that has none: its port's bytes go to the stand-in's application.

Everything above the socket is real: the SDK, httpx, httpcore, our transport with its deadline, and
the stand-in's own HTTP application.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import httpcore
from werkzeug.test import run_wsgi_app

BEFORE, AFTER = "lost on its way there", "lost on its way back"


class Network:
    """Gives connections to the stand-in. `fault`: what happens to the next call."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.fault: str | None = None

    def connect_tcp(self, *_: Any, **__: Any) -> Connection:
        return Connection(self)


class Connection(httpcore.NetworkStream):
    """Takes one request and gives its answer."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._asked = b""
        self._answer: bytes | None = None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._asked += buffer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._answer is None:
            fault, self._network.fault = self._network.fault, None
            if fault == BEFORE:
                raise httpcore.ReadError(fault)
            self._answer = answer(self._network.app, self._asked)
            if fault == AFTER:
                raise httpcore.ReadError(fault)
        chunk, self._answer = self._answer[:max_bytes], self._answer[max_bytes:]
        return chunk

    def close(self) -> None:
        """Nothing is open."""

    def get_extra_info(self, info: str) -> Any:
        return None


def answer(app: Any, request: bytes) -> bytes:
    """Let a WSGI application answer the bytes of a request.

    Neither its date nor its limits are told: they would be real time's, and here time stands still.
    """
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": "",
        "SERVER_NAME": "standin", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }  # fmt: skip
    for line in lines:
        name, _, value = line.partition(": ")
        name = name.upper().replace("-", "_")
        plain = name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        environ[name if plain else f"HTTP_{name}"] = value
    chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
    content = b"".join(chunks)
    told = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close"]
    kind = headers.get("Content-Type")
    told += [f"Content-Type: {kind}"] if kind else []
    return ("\r\n".join(told) + "\r\n\r\n").encode() + content
