"""Who looks on through the balancer: programs that ask the API, and some that follow events."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import requests

_EVERY_S = 0.1
_PATIENCE_S = 60.0
_PATHS = ("/sessions?limit=20", "/contacts?limit=20", "/me")


class Caller:
    """Asks the API for something all the time, each time on a connection of its own."""

    def __init__(self, port: int, token: str) -> None:
        # When, and the status; 0: no answer.
        self.answers: list[tuple[float, int]] = []
        self._url = f"http://127.0.0.1:{port}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"}

    def run(self, over: threading.Event) -> None:
        """Ask until it is over."""
        number = 0
        while not over.wait(_EVERY_S):
            number += 1
            path = _PATHS[number % len(_PATHS)]
            try:
                answer = requests.get(f"{self._url}{path}", headers=self._headers, timeout=10)
                status = answer.status_code
            except requests.RequestException:
                status = 0
            self.answers.append((time.time(), status))


class Follower:
    """Follows events, and comes back when told, where it had come to."""

    def __init__(self, port: int, token: str) -> None:
        # Messages by their place, how often each was told.
        self.told: Counter[int] = Counter()
        self.first: int | None = None
        # When a stream ended, and how: cleanly (True) or in the midst.
        self.ends: list[tuple[float, bool]] = []
        # When a stream was not let in, and the status (0: no answer).
        self.refused: list[tuple[float, int]] = []
        self._port = port
        self._token = token
        self._last: str | None = None
        self._retry_s = 1.0
        self._open: http.client.HTTPConnection | None = None

    def run(self, over: threading.Event) -> None:
        """Follow until it is over."""
        while not over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
            self._open = connection
            try:
                answer = self._ask(connection)
            except OSError:
                self.refused.append((time.time(), 0))
            else:
                if answer.status == 200:
                    clean = self._read(answer)
                    if not over.is_set():
                        self.ends.append((time.time(), clean))
                else:
                    self.refused.append((time.time(), answer.status))
            connection.close()
            over.wait(self._retry_s)

    def hang_up(self) -> None:
        """Let go of the stream that is open."""
        if self._open is not None and self._open.sock is not None:
            self._open.sock.shutdown(2)

    def _ask(self, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self._token}"}
        if self._last is not None:
            headers["Last-Event-ID"] = self._last
        connection.request("GET", "/api/v1/events?types=message.created", headers=headers)
        return connection.getresponse()

    def _read(self, answer: http.client.HTTPResponse) -> bool:
        """Read to the end; whether it was one."""
        place: str | None = None
        try:
            for line in answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    place = self._last = value
                    if self.first is None:
                        self.first = int(value)
                elif name == "retry":
                    self._retry_s = int(value) / 1000
                elif name == "event" and value == "message.created" and place is not None:
                    self.told[int(place)] += 1
        except (OSError, http.client.HTTPException):
            return False
        return True


@contextmanager
def looking_on(callers: list[Caller], followers: list[Follower]) -> Iterator[None]:
    """Let them all go about it."""
    over = threading.Event()
    threads = [
        threading.Thread(target=one.run, args=(over,), daemon=True)
        for one in (*callers, *followers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for one in followers:
            one.hang_up()
        for thread in threads:
            thread.join(_PATIENCE_S)
