"""A reader of server-sent events over a plain socket, as slow or as quick as a test wants."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

NO_PLACE = -1
"""Stands for the id of an event that has none."""


class Shown(NamedTuple):
    id: int
    type: str
    data: Any


class Reader:
    """One stream. `beats` counts comments, `last` is the newest id, whatever brought it."""

    def __init__(
        self,
        url: str,
        token: str | None,
        query: str = "",
        last: str | int | None = None,
        path: str = "/api/v1/events",
        origin: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=10)
        lines = [f"GET {path}{query} HTTP/1.1", "Host: gateway"]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        if origin is not None:
            lines.append(f"Origin: {origin}")
        if last is not None:
            lines.append(f"Last-Event-ID: {last}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.beats = 0
        self.last: int | None = None
        self.retry: int | None = None
        self.ended = False
        self._raw = b""
        self._text = b""
        self._chunked = False
        self.head = self._head()
        self.status = int(self.head.split()[1])

    def next(self, within_s: float = 10.0) -> Shown | None:
        """The next event; None if the stream ended or nothing came in time."""
        until = time.monotonic() + within_s
        while True:
            event = self._event()
            if event is not None and not event.type.startswith("contact."):
                return event  # contacts have tests of their own
            if event is not None:
                continue
            left = until - time.monotonic()
            if left <= 0 or not self._more(left):
                return None

    def until(self, count: int, within_s: float = 10.0) -> list[Shown]:
        """So many events, or as many as came in time."""
        events: list[Shown] = []
        until = time.monotonic() + within_s
        while len(events) < count:
            event = self.next(max(0.0, until - time.monotonic()))
            if event is None:
                break
            events.append(event)
        return events

    def opened(self) -> Reader:
        """Wait for the first bytes: from then on nothing is missed."""
        until = time.monotonic() + 10
        while self.retry is None and time.monotonic() < until:
            self._event()
            if self.retry is None:
                self._more(1)
        assert self.retry is not None, self.head
        return self

    def close(self) -> None:
        self.socket.close()

    def _head(self) -> str:
        while b"\r\n\r\n" not in self._raw:
            self._raw += self._receive(10) or b"\r\n\r\n"
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        self._chunked = b"chunked" in head.lower()
        return head.decode()

    def _receive(self, within_s: float) -> bytes:
        self.socket.settimeout(max(0.001, within_s))
        try:
            got = self.socket.recv(65536)
        except TimeoutError:
            return b""
        except ConnectionError:
            got = b""
        if not got:
            self.ended = True
        return got

    def _more(self, within_s: float) -> bool:
        got = self._receive(within_s)
        self._raw += got
        return bool(got)

    def _unwrap(self) -> None:
        if not self._chunked:
            self._text += self._raw
            self._raw = b""
        while self._chunked and b"\r\n" in self._raw:
            size, _, rest = self._raw.partition(b"\r\n")
            length = int(size, 16)
            if len(rest) < length + 2:
                break
            self._text += rest[:length]
            self._raw = rest[length + 2 :]
            if length == 0:
                self.ended = True
                break

    def _event(self) -> Shown | None:
        self._unwrap()
        while b"\n\n" in self._text:
            block, _, self._text = self._text.partition(b"\n\n")
            fields: dict[str, str] = {}
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                if name == "":
                    self.beats += 1
                fields[name] = value.strip()
            if "id" in fields:
                self.last = int(fields["id"])
            if "retry" in fields:
                self.retry = int(fields["retry"])
            if "data" in fields:
                place = int(fields.get("id", NO_PLACE))
                return Shown(place, fields["event"], json.loads(fields["data"]))
        return None


@contextmanager
def reading(
    url: str, token: str, query: str = "", last: str | int | None = None
) -> Iterator[Reader]:
    reader = Reader(url, token, query, last)
    try:
        yield reader
    finally:
        reader.close()
