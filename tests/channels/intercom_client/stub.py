"""A server that says exactly what a test tells it to, byte by byte if need be."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from typing import Any

import trustme

Behaviour = Callable[[socket.socket], None]


@cache
def authority() -> trustme.CA:
    """Who certifies this run's servers; made when first needed, kept nowhere."""
    return trustme.CA()


@dataclass
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Stub:
    """Answers the n-th request with the n-th behaviour, and further ones with the last."""

    url: str
    behaviours: list[Behaviour]
    asked: list[Asked] = field(default_factory=list)
    tls: bool = False

    def serve(self, raw: socket.socket) -> None:
        try:
            connection = _secured(raw) if self.tls else raw
        except OSError:
            raw.close()
            return
        with connection:
            incoming = connection.makefile("rb")
            while (asked := _read_request(incoming)) is not None:
                self.asked.append(asked)
                turn = min(len(self.asked), len(self.behaviours)) - 1
                try:
                    self.behaviours[turn](connection)
                except OSError:
                    return
                if connection.fileno() < 0:
                    return


@contextmanager
def stub(*behaviours: Behaviour, tls: bool = False) -> Iterator[Stub]:
    """Run one on a free port of this machine; with `tls` certified by `authority()`."""
    listener = socket.create_server(("127.0.0.1", 0))
    scheme, port = "https" if tls else "http", listener.getsockname()[1]
    server = Stub(f"{scheme}://127.0.0.1:{port}", list(behaviours), tls=tls)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        # Before the close: the next listener may be given the same file descriptor.
        thread.join()
        listener.close()


def says(status: int, body: object, **headers: str | int) -> Behaviour:
    """Answer at once. Names of headers have `_` for `-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} So",
        f"Content-Length: {len(raw)}",
        f"Date: {formatdate(usegmt=True)}",
    ]
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    if "date" in given:
        lines.pop()
    lines += [f"{name}: {value}" for name, value in given.items()]
    message = "\r\n".join([*lines, "", ""]).encode() + raw

    def behave(connection: socket.socket) -> None:
        connection.sendall(message)

    return behave


def refuses(status: int, code: str, message: str = "no", **headers: str | int) -> Behaviour:
    """Answer with Intercom's error list."""
    body = {
        "type": "error.list",
        "request_id": "req-1",
        "errors": [{"code": code, "message": message}],
    }
    return says(status, body, **headers)


def drips(message: bytes, every_s: float) -> Behaviour:
    """Send one byte after another, then the same one for ever."""

    def behave(connection: socket.socket) -> None:
        pause = threading.Event()
        for byte in message:
            connection.sendall(bytes([byte]))
            pause.wait(every_s)
        while True:
            connection.sendall(b" ")
            pause.wait(every_s)

    return behave


def hangs_up(connection: socket.socket) -> None:
    """Close the connection without a word."""
    connection.shutdown(socket.SHUT_RDWR)


def is_silent(connection: socket.socket) -> None:
    """Wait until the other side gives up."""
    connection.recv(1)


@cache
def _certificate() -> trustme.LeafCert:
    return authority().issue_cert("127.0.0.1", "intercom.test")


def _secured(connection: socket.socket) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _certificate().configure_cert(context)
    return context.wrap_socket(connection, server_side=True)


def _read_request(incoming: Any) -> Asked | None:
    first = incoming.readline().decode().split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while (line := incoming.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = incoming.read(int(headers.get("content-length", 0)))
    return Asked(first[0], first[1], headers, body)
