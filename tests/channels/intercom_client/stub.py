"""A server that says exactly what a test tells it to, byte by byte if need be."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

Behaviour = Callable[[socket.socket], None]


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
    stopping: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
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
def stub(*behaviours: Behaviour) -> Iterator[Stub]:
    """Run one on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Stub(f"http://127.0.0.1:{listener.getsockname()[1]}", list(behaviours))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        server.stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
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
