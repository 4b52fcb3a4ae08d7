"""`python -m bench.watchers`: a crowd of readers of the event stream, in a process of its own.

It is told what to do on standard input, a JSON object a line, and answers with one:
`{"do": "open", "count": N, "spread_s": S}` opens so many streams, each at a random moment of the
next S seconds (0: all at once), and waits until each has begun;
`{"do": "close"}` hangs up on all of them at once. Each answer of `open` says how long it took.
"""

from __future__ import annotations

import json
import random
import resource
import select
import socket
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

_PATIENCE_S = 60.0
_BEGUN = b"retry:"


class Watcher:
    """One stream: what it sends, and whether it has begun."""

    __slots__ = ("answer", "begun", "last", "sent", "socket", "token")

    def __init__(self, token: str) -> None:
        self.token = token
        self.last: str | None = None
        self.socket: socket.socket | None = None
        self.reset()

    def reset(self) -> None:
        self.answer = b""
        self.begun = self.sent = False


class Crowd:
    """All of them."""

    def __init__(self, address: tuple[str, int], tokens: list[str], session: str) -> None:
        self._address = address
        self._session = session
        self._watchers = [Watcher(token) for token in tokens]
        self._poll = select.epoll()
        self._by_fd: dict[int, Watcher] = {}

    def open(self, count: int, spread_s: float) -> dict[str, Any]:
        """Open streams; tell how long it took until the last has begun, and how many."""
        began = time.perf_counter()
        took: list[float] = []
        statuses: Counter[str] = Counter()
        coming = sorted((began + random.random() * spread_s) for _ in range(count))
        watchers = deque(zip(coming, self._watchers[:count], strict=True))
        waiting: set[int] = set()
        until = began + spread_s + _PATIENCE_S
        while (waiting or watchers) and time.perf_counter() < until:
            while watchers and watchers[0][0] <= time.perf_counter():
                waiting.add(self._connect(watchers.popleft()[1]))
            pause = watchers[0][0] - time.perf_counter() if watchers else 1.0
            for fd, events in self._poll.poll(max(0.0, pause)):
                watcher = self._by_fd[fd]
                if not self._step(watcher, events):
                    statuses["hung up"] += 1
                    self._drop(fd)
                    waiting.discard(fd)
                elif fd in waiting and _BEGUN in watcher.answer:
                    statuses[watcher.answer[9:12].decode()] += 1
                    watcher.begun = True
                    watcher.last = watcher.answer.partition(b"id: ")[2].split(b"\n")[0].decode()
                    watcher.answer = b""
                    took.append(time.perf_counter() - began)
                    waiting.discard(fd)
                elif fd in waiting and b"\r\n\r\n" in watcher.answer:
                    status = watcher.answer[9:12].decode()
                    if status != "200":
                        statuses[status] += 1
                        self._drop(fd)
                        waiting.discard(fd)
        for fd in waiting:
            statuses["never began"] += 1
            self._drop(fd)
        took.sort()
        return {
            "open": len(took),
            "seconds": took[-1] if took else None,
            "median": took[len(took) // 2] if took else None,
            "statuses": dict(statuses),
        }

    def close(self) -> dict[str, Any]:
        """Hang up on all at once."""
        for fd in list(self._by_fd):
            self._drop(fd)
        return {"open": 0}

    def _connect(self, watcher: Watcher) -> int:
        watcher.reset()
        watcher.socket = socket.socket()
        watcher.socket.setblocking(False)
        watcher.socket.connect_ex(self._address)
        self._by_fd[watcher.socket.fileno()] = watcher
        self._poll.register(watcher.socket.fileno(), select.EPOLLOUT | select.EPOLLIN)
        return watcher.socket.fileno()

    def _step(self, watcher: Watcher, events: int) -> bool:
        assert watcher.socket is not None
        if events & (select.EPOLLHUP | select.EPOLLERR):
            return False
        if not watcher.sent and events & select.EPOLLOUT:
            lines = [
                f"GET /api/v1/events?session={self._session} HTTP/1.1",
                "Host: 127.0.0.1",
                f"Authorization: Bearer {watcher.token}",
                *([f"Last-Event-ID: {watcher.last}"] if watcher.last else []),
            ]
            watcher.socket.send(("\r\n".join(lines) + "\r\n\r\n").encode())
            watcher.sent = True
            self._poll.modify(watcher.socket.fileno(), select.EPOLLIN)
        elif events & select.EPOLLIN:
            got = watcher.socket.recv(65536)
            if not watcher.begun:
                watcher.answer += got
            return bool(got)
        return True

    def _drop(self, fd: int) -> None:
        watcher = self._by_fd.pop(fd)
        self._poll.unregister(fd)
        assert watcher.socket is not None
        watcher.socket.close()
        watcher.socket = None


def main() -> None:
    """Do as told until standard input ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    host, port, tokens, session = sys.argv[1:]
    names = Path(tokens).read_text(encoding="utf-8").split()
    crowd = Crowd((host, int(port)), names, session)
    for line in sys.stdin:
        order = json.loads(line)
        done = (
            crowd.open(order["count"], order["spread_s"])
            if order["do"] == "open"
            else crowd.close()
        )
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
