"""`python -m bench.chaos.proxy HOST PORT` (or a socket's path): passes on what comes to its port.

It says which that is. `cut` on its standard input cuts every line, `delay S` makes them slow.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable

Address = tuple[str, int] | str
_CHUNK = 65536


class Proxy:
    """Passes on what comes to its port, both ways. `delay_s`: how long every piece is held back.

    A `target` that is called says where each line goes; it raises OSError if there is nobody.
    """

    def __init__(self, target: Address | Callable[[], Address]) -> None:
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
            target = self._target() if callable(self._target) else self._target
            if isinstance(target, str):
                called = socket.socket(socket.AF_UNIX)
                called.connect(target)
            else:
                called = socket.create_connection(target)
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


def main(*target: str) -> None:
    """Pass on, and do what is asked for line by line."""
    proxy = Proxy(target[0] if len(target) == 1 else (target[0], int(target[1])))
    print(proxy.port, flush=True)
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "delay":
            proxy.delay_s = float(rest)
        print(proxy.cut() if verb == "cut" else "", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
