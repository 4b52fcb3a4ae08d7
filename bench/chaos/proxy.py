"""A line that can be cut and made slow: between the gateway and its database, or Intercom."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

Address = tuple[str, int] | str
_CHUNK = 65536


class Proxy:
    """Passes on what comes to its port, both ways. `delay_s`: how long every piece is held back."""

    def __init__(self, target: Address) -> None:
        self.delay_s = 0.0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """Cut every line; return how many ends there were."""
        with self._lock:
            lines, self._lines = self._lines, set()
        for line in lines:
            _hang_up(line)
        return len(lines)

    def close(self) -> None:
        """Take no more calls, and end those that there are."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._connect, args=(caller,), daemon=True).start()

    def _connect(self, caller: socket.socket) -> None:
        try:
            if isinstance(self._target, str):
                called = socket.socket(socket.AF_UNIX)
                called.connect(self._target)
            else:
                called = socket.create_connection(self._target)
        except OSError:
            caller.close()
            return
        with self._lock:
            self._lines |= {caller, called}
        for one, other in ((caller, called), (called, caller)):
            threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(_CHUNK):
                if self.delay_s:
                    time.sleep(self.delay_s)
                target.sendall(piece)
        except OSError:
            pass  # cut, or hung up: the other end shall know
        with self._lock:
            self._lines -= {source, target}
        _hang_up(source)
        _hang_up(target)


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()


@contextmanager
def line_to(target: Address) -> Iterator[Proxy]:
    """Give a line."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
