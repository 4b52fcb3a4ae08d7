"""HTTP with one deadline per call: every wait is cut to what is left, nothing is sent after it.

httpx's timeouts are per read, so a server that drips bytes holds a thread for ever. Here each read,
write and connect asks how much of the whole is left. The answer is kept aside, and whether a byte
of the request went out, which is what tells "try again" from "nobody knows".
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore
import httpx

ANSWER_MAX = 64 * 1024 * 1024  # bytes; 500 parts of a long conversation are a few MB

SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer; `body` is decoded from its transfer, and None where that failed."""

    status: int
    headers: httpx.Headers
    body: bytes | None


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One call: until when it may last (monotonic), whether it went out, what came back."""

    ends_at: float
    wrote: bool = False
    answer: Answer | None = None

    def left(self, error: type[httpcore.TimeoutException]) -> float:
        """Seconds left; raise `error` when there are none."""
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise error("the time for this call is over")
        return seconds


class DeadlineTransport(httpx.BaseTransport):
    """A pool of connections to one address; a call runs inside `exchange()`, on its own thread."""

    def __init__(self, base_url: httpx.URL, *, connections: int) -> None:
        self._running = _Running()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context() if base_url.scheme == "https" else None,
            proxy=_proxy_for(base_url),
            max_connections=connections,
            max_keepalive_connections=connections,
            # Short, because a connection that the server closes just as we write is an unknown
            # outcome, and costs a read-back.
            keepalive_expiry=5.0,
            network_backend=_Backend(self._running, secure=base_url.scheme == "https"),
        )

    @contextmanager
    def exchange(self, seconds: float) -> Iterator[Exchange]:
        """Give the next request of this thread `seconds` in total."""
        exchange = Exchange(ends_at=time.monotonic() + seconds)
        self._running.exchange = exchange
        try:
            yield exchange
        finally:
            del self._running.exchange

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send and read to the end; raise httpcore's errors.

        The caller is given an empty JSON object with the true status: the SDK builds models from
        an answer (220 ms of CPU for 500 parts, and a TypeError for a list), and nobody reads them.
        """
        url = request.url
        asked = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        answer = self.ask(request.method.encode(), asked, request.headers.raw, request.read())
        return httpx.Response(answer.status, json={})

    def ask(
        self, method: bytes, url: httpcore.URL, headers: Sequence[Header], content: bytes = b""
    ) -> Answer:
        """Send and read to the end; the exchange has the answer, too. Raises httpcore's errors."""
        exchange = self._running.exchange
        outgoing = httpcore.Request(
            method,
            url,
            headers=headers,
            content=content,
            extensions={"timeout": {"pool": exchange.left(httpcore.PoolTimeout)}},
        )
        incoming = self._pool.handle_request(outgoing)
        try:
            raw = _read_up_to(incoming.iter_stream(), ANSWER_MAX)
        finally:
            incoming.close()
        answer = _decoded(incoming.status, httpx.Headers(incoming.headers), raw)
        exchange.answer = answer
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()


class _Running(threading.local):
    exchange: Exchange


class _Backend(httpcore.NetworkBackend):
    def __init__(self, running: _Running, *, secure: bool) -> None:
        self._running = running
        self._secure = secure
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        # Each address gets its share: `socket.create_connection` would give each the whole time.
        exchange = self._running.exchange
        addresses = _addresses(host, port)
        for position, address in enumerate(addresses):
            share = exchange.left(httpcore.ConnectTimeout) / (len(addresses) - position)
            try:
                stream = self._sockets.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(addresses) - 1:
                    raise
            else:
                return _Stream(stream, self._running, bears_requests=not self._secure)
        raise httpcore.ConnectError(f"{host} has no address")


class _Stream(httpcore.NetworkStream):
    def __init__(
        self, stream: httpcore.NetworkStream, running: _Running, *, bears_requests: bool
    ) -> None:
        self._stream = stream
        self._running = running
        # What is said to a proxy before TLS is not yet a request.
        self._bears_requests = bears_requests

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._running.exchange.left(httpcore.ReadTimeout)
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        exchange = self._running.exchange
        left = exchange.left(httpcore.WriteTimeout)
        exchange.wrote = exchange.wrote or self._bears_requests
        self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._running.exchange.left(httpcore.ConnectTimeout)
        secured = self._stream.start_tls(ssl_context, server_hostname, left)
        return _Stream(secured, self._running, bears_requests=True)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _read_up_to(chunks: Iterable[bytes], size: int) -> bytes:
    kept = bytearray()
    for chunk in chunks:
        kept += chunk
        if len(kept) > size:
            raise httpcore.RemoteProtocolError("the answer is too long")
    return bytes(kept)


def _decoded(status: int, headers: httpx.Headers, raw: bytes) -> Answer:
    if "content-encoding" not in headers:
        return Answer(status=status, headers=headers, body=raw)
    try:
        body: bytes | None = httpx.Response(status, headers=headers, content=raw).content
    except httpx.DecodingError:
        body = None
    return Answer(status=status, headers=headers, body=body)


def _proxy_for(url: httpx.URL) -> httpcore.Proxy | None:
    # A transport of one's own makes httpx forget HTTPS_PROXY and NO_PROXY.
    address = urllib.request.getproxies().get(url.scheme)
    if not address or url.host in ("127.0.0.1", "::1", "localhost"):
        return None
    if urllib.request.proxy_bypass(url.host):
        return None
    proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth)
