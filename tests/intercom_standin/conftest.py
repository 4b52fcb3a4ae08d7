"""A stand-in that tests deliver for by hand, a receiver that answers as told, a REST client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from intercom_standin import StandIn


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self, at: float = 1_790_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Received:
    """One request that reached the receiver."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.raw)
        return content


@dataclass
class Receiver:
    """A webhook endpoint; `statuses` are used up first, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[Received] = field(default_factory=list)
    hold: threading.Event | None = None

    @property
    def topics(self) -> list[str]:
        return [one.json["topic"] for one in self.got]


@dataclass
class Api:
    """Calls the stand-in's REST API with its token."""

    base_url: str
    token: str
    version: str | None = "2.14"

    def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> requests.Response:
        sent = {"Authorization": f"Bearer {self.token}"}
        if self.version:
            sent["Intercom-Version"] = self.version
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, self.base_url + path, json=body, headers=sent, timeout=5)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.got.append(Received(self.command, self.path, dict(self.headers), raw))
            if receiver.hold is not None:
                receiver.hold.wait(5)
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_HEAD = _take

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/webhooks/acme"
    yield receiver
    if receiver.hold is not None:
        receiver.hold.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def standin(receiver: Receiver, clock: FakeClock) -> Iterator[StandIn]:
    """Manual mode: nothing is posted unless the test does it."""
    with StandIn(receiver.url, mode="manual", clock=clock) as standin:
        yield standin


@pytest.fixture
def api(standin: StandIn) -> Api:
    return Api(standin.base_url, standin.token)
