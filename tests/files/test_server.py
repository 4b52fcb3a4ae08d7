"""A real web server: bodies that lie about themselves, and uploads that hold up nobody."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.leash import hold
from gateway.webserver import listen, web_argv
from tests.files.samples import CONTENT_TYPE, body, png
from tests.services.processes import wait_until

CONFIG = """
[agents.support]
kind = "scripted"

[channels.acme-web]
kind = "webwidget"
agent = "support"
key = "acme-web-key"
allowed_origins = ["https://www.acme.example"]

[files]
max_bytes = 2000000
"""
PHOTO = png(30, 20)


class Served:
    """The gateway behind gunicorn, over SQLite, without Redis."""

    def __init__(self, folder: Path) -> None:
        (folder / "gateway.toml").write_text(CONFIG)
        listener = listen("127.0.0.1", 0)
        self.port = int(listener.getsockname()[1])
        self.folder = folder
        environ = {
            **os.environ,
            "GATEWAY_CONFIG": str(folder / "gateway.toml"),
            "GATEWAY_DATA_DIR": str(folder),
            "GATEWAY_SECRET_KEY": "a-secret-key",
        }
        pid = os.getpid()
        self.process = subprocess.Popen(
            web_argv(listener), env=environ, pass_fds=(listener.fileno(),),
            preexec_fn=lambda: hold(pid, 9),
        )  # fmt: skip
        listener.close()
        wait_until(lambda: self.call("GET", "/healthz")[0] == 200, "the web server")
        answer = self.call("POST", "/widget/v1/sessions", json.dumps({"key": "acme-web-key"}))
        self.token = answer[1]["visitor_token"]

    def call(self, method: str, path: str, sent: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, sent, named)
            answer = connection.getresponse()
            content = answer.read()
            is_json = answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(content) if is_json else content
        except OSError:
            return 0, None
        finally:
            connection.close()

    def put(self, sent: Any, **headers: str) -> tuple[int, Any]:
        return self.call(
            "POST", "/widget/v1/files", sent, Content_Type=CONTENT_TYPE,
            Authorization=f"Bearer {self.token}", **headers,
        )  # fmt: skip

    def knock(self, length: str, content: bytes) -> str:
        """What a caller is answered who writes the head of a request by hand, and then goes away.

        Nothing, where the server hung up on what was still to come.
        """
        head = (
            f"POST /widget/v1/files HTTP/1.1\r\nHost: x\r\n{length}\r\n"
            f"Content-Type: {CONTENT_TYPE}\r\nAuthorization: Bearer {self.token}\r\n"
            "Connection: close\r\n\r\n"
        )
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as caller:
            try:
                caller.sendall(head.encode() + content)
                caller.shutdown(socket.SHUT_WR)
                while chunk := caller.recv(65536):
                    answer += chunk
            except OSError as error:
                if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                    raise
        return answer.partition(b"\r\n")[0].decode()

    def lying(self) -> list[Path]:
        return [path for path in (self.folder / "files").glob("**/*") if path.is_file()]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    yield served
    served.process.terminate()
    served.process.wait(20)


def test_bodies_that_lie_leave_nothing_behind(served: Served) -> None:
    whole = body(PHOTO + bytes(100_000))
    before = served.lying()
    start = body(b"")[:-40].rpartition(b"\r\n--")[0] + PHOTO
    endless = b"".join(b"10000\r\n" + bytes(65536) + b"\r\n" for _ in range(48))
    for length, content, status in (
        (f"Content-Length: {len(whole)}", whole[:-50_000], 400),  # goes away
        ("Content-Length: 100", whole, 400),  # says less than comes
        ("X-No: length", whole, 400),  # says none: there is no body at all
        ("Content-Length: 0", b"", 400),
        ("Content-Length: 3000000", b"", 413),  # refused before it comes
        ("Content-Length: nonsense", whole, 400),
        ("Transfer-Encoding: chunked", b"10\r\n" + whole, 400),
        ("Transfer-Encoding: chunked", b"zz\r\n" + whole, 400),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (len(whole) - 9, whole[:-9]), 400),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (len(start), start) + endless, 413),
    ):
        answer = served.knock(length, content)
        assert answer in ("", *(f"HTTP/1.1 {status} {word}" for word in WORDS[status])), length
        assert served.call("GET", "/healthz")[0] == 200
    wait_until(lambda: served.lying() == before, "what was begun to be gone")


WORDS = {
    400: ("BAD REQUEST", "Bad Request"),
    413: ("REQUEST ENTITY TOO LARGE", "CONTENT TOO LARGE"),
}


def test_a_chunked_upload_is_taken(served: Served) -> None:
    whole = body(PHOTO + bytes(300_000))
    pieces = (whole[at : at + 7_001] for at in range(0, len(whole), 7_001))
    status, file = served.put(pieces)
    assert (status, file["size"]) == (201, len(PHOTO) + 300_000)
    path = f"/widget/v1/files/{file['id']}"
    assert served.call("GET", path, Authorization=f"Bearer {served.token}") == (
        200, PHOTO + bytes(300_000),
    )  # fmt: skip
    assert [path.stat().st_size for path in served.lying()] == [file["size"]]


def test_uploads_hold_up_nobody(served: Served) -> None:
    """While a slow one trickles in and fast ones come at once, another caller is answered."""
    whole = body(PHOTO + bytes(1_900_000))
    going = threading.Event()

    def slowly() -> Iterator[bytes]:
        for at in range(0, len(whole), 100_000):
            yield whole[at : at + 100_000]
            going.wait(0.1)

    found: list[int] = []
    senders = [threading.Thread(target=lambda: found.append(served.put(slowly())[0]))]
    senders += [threading.Thread(target=lambda: found.append(served.put(whole)[0]))]
    for sender in senders:
        sender.start()
    asked = 0
    while any(sender.is_alive() for sender in senders):
        begun = time.monotonic()
        assert served.call("GET", "/healthz")[0] == 200
        # Far below what the slow one takes; generous, for the machine may be busy.
        assert time.monotonic() - begun < 1.5
        asked += 1
    assert found == [201, 201]
    assert asked > 3
