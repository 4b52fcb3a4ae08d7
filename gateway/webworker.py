"""gunicorn's gevent worker, which leaves without refusing or breaking off anything.

gunicorn's own notices SIGTERM within a second, refuses whoever calls from then on, waits for every
connection that a proxy keeps open, and breaks off what is left. Ours first says that it leaves
(`/readyz`) and serves on, so that a load balancer has time to send others elsewhere; then it takes
nothing more, ends event streams at the end of an event, hangs up where nothing is being asked, and
goes as soon as the last request is answered.

Loaded before gevent has patched the standard library: it must import nothing of the application.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.http.errors import ParseException
from gunicorn.workers.ggevent import GeventWorker

from gateway.gunicorn_conf import graceful_timeout

if TYPE_CHECKING:
    from gateway.app.leaving import Leaving

_BEAT_S = 1.0
"""gunicorn must hear of us within its `timeout`."""
_LOOK_S = 0.05
_ON_ITS_WAY_S = 0.5
_FIRST_ON_ITS_WAY_S = 2.0
"""A request may be on its way on a connection that has been quiet for less.

Who has just connected has something to ask; who keeps a connection may never ask again.
"""
_LAST_S = 0.3
"""So long before gunicorn would kill us, what is left is broken off."""
_MOST_UNREAD = 16 * 1024 * 1024
_UNREAD_S = 10.0
_PIECE = 256 * 1024
"""So much of a body that the application did not read is read in the end, and for so long."""
_MOST_ASIDE = 1_000
"""So many connections are put aside at most; each is one of `worker_connections`."""
_ESTABLISHED = 1
"""From <netinet/tcp.h>; the state is the first byte of what TCP_INFO tells."""


class Worker(GeventWorker):  # type: ignore[misc]
    """Serves until SIGTERM, then for as long as `graceful_timeout` is longer than usual, and goes.

    `alive` is False from the signal on: whatever is answered then says `Connection: close`.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._asked_to_leave = Event()
        self._clients: dict[Any, Any] = {}
        # Connections on which nothing is being asked, and until when a request may be on its way.
        self._quiet: dict[Any, float] = {}
        self._new: set[Any] = set()
        self._put_aside = 0

    def run(self) -> None:
        """Serve; return when everything that had begun is over."""
        pool = Pool(self.worker_connections)
        servers = [self._serve(one, pool) for one in self.sockets]
        self._beat_until(self._asked_to_leave)
        ends = time.monotonic() + self.cfg.graceful_timeout - _LAST_S
        leaving: Leaving | None = getattr(self.wsgi, "extensions", {}).get("leaving")
        if leaving is not None:
            leaving.begin()
        self._beat_until(Event(), within_s=self.cfg.graceful_timeout - graceful_timeout)
        for server in servers:
            _take_who_waits(server)
            server.close()
        if leaving is not None:
            leaving.end_streams()
        while len(pool) and time.monotonic() < ends:
            self.notify()
            self._hang_up()
            pool.join(timeout=_LOOK_S)
        pool.kill(timeout=_LAST_S)

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM."""
        self.alive = False
        self._asked_to_leave.set()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection."""
        if not self._is_worth_reading(client, addr):
            client.close()
            return
        me = gevent.getcurrent()
        self._clients[me] = client
        self._new.add(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._new.discard(client)
            del self._clients[me]

    def _is_worth_reading(self, client: Any, addr: Any) -> bool:
        """Whether somebody is still there, once it is their network's turn to be read.

        A flood that waits for no answer hangs up before; what it sent costs nothing but a timer.
        """
        aside = getattr(self.wsgi, "extensions", {}).get("aside")
        if aside is None or not isinstance(addr, tuple) or self._put_aside >= _MOST_ASIDE:
            return True
        wait_s = aside(addr[0])
        if not wait_s:
            return True
        self._put_aside += 1
        try:
            self._asked_to_leave.wait(wait_s)
        finally:
            self._put_aside -= 1
        return _is_there(client)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        """Answer a request, and read what its body still holds, or hang up."""
        answered = super().handle_request(listener_name, req, sock, addr)
        if not _read_to_the_end(req.body):
            req.force_close()
        return answered

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """In this gunicorn waits for the next request of a connection."""
        client = self._clients[gevent.getcurrent()]
        on_its_way_s = _FIRST_ON_ITS_WAY_S if client in self._new else _ON_ITS_WAY_S
        self._quiet[client] = time.monotonic() + on_its_way_s
        try:
            with gevent.Timeout(self.cfg.keepalive, False):
                yield
        finally:
            del self._quiet[client]
            self._new.discard(client)

    def _serve(self, listener: Any, pool: Any) -> Any:
        listener.setblocking(1)
        server = StreamServer(listener, handle=partial(self.handle, _Door(listener)), spawn=pool)
        if self.cfg.workers > 1:
            server.max_accept = 1  # as gunicorn has it: the others are there, too
        server.start()
        return server

    def _beat_until(self, event: Any, within_s: float = float("inf")) -> None:
        ends = time.monotonic() + within_s
        while not event.is_set() and (left_s := ends - time.monotonic()) > 0:
            self.notify()
            event.wait(min(_BEAT_S, left_s))

    def _hang_up(self) -> None:
        """Take nothing more from connections on which nothing is being asked.

        What has arrived on one is still read and answered: the end comes after it.
        """
        now = time.monotonic()
        for client, until in list(self._quiet.items()):
            if until < now:
                with suppress(OSError):  # they have hung up themselves
                    # Not gevent's own, which would wake the reader with an error.
                    client._sock.shutdown(socket.SHUT_RD)


def _is_there(client: Any) -> bool:
    """False if the other end has hung up. Only Linux tells; elsewhere it shows when it is read."""
    if not hasattr(socket, "TCP_INFO"):
        return True
    return bool(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED)


class _Door:
    """A listener's name, which is asked for with each connection, also once the door is closed."""

    def __init__(self, listener: Any) -> None:
        self._name = listener.getsockname()

    def getsockname(self) -> Any:
        return self._name


def _take_who_waits(server: Any) -> None:
    """Accept whoever has connected and was not accepted yet: closing the door would cut them."""
    server.stop_accepting()
    while not server.full() and (waiting := server.do_read()) is not None:
        server.do_handle(*waiting)


def _read_to_the_end(body: Any) -> bool:
    """Read what nobody wanted; False if it is too much, too slow or not as announced.

    gunicorn would read it to its end, however long, a kilobyte at a time: 30 ms of a core for each
    MiB of what nobody signed.
    """
    left = _MOST_UNREAD
    with gevent.Timeout(_UNREAD_S, False):
        try:
            while left > 0:
                read = len(body.read(_PIECE))
                if not read:
                    return True
                left -= read
        except (OSError, ParseException):
            return False
    return False
