"""A web process that is asked to end: nobody who calls meanwhile is refused or left waiting."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from contextlib import closing

import psutil
import pytest
import requests

from tests.cli.conftest import Gateway
from tests.cli.test_roles import Running, all_gone, checks, running
from tests.services.processes import wait_until
from tests.streams.reader import Reader

pytestmark = pytest.mark.slow


def served(web: Running) -> str:
    url = "http://" + web.says("listening on").split()[-1]
    wait_until(lambda: checks(url)["status"] == "degraded", f"an answer; {web.output}", within_s=60)
    return url


def half_a_request(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)), timeout=30)
    sock.sendall(
        b"POST /webhooks/acme-intercom HTTP/1.1\r\nHost: gateway\r\nContent-Length: 4\r\n\r\n{}"
    )
    return sock


def answer_of(sock: socket.socket) -> http.client.HTTPResponse:
    with closing(http.client.HTTPResponse(sock)) as answer:
        answer.begin()
        answer.read()
        return answer


def test_it_says_so_serves_on_and_ends_everything_well(gateway: Gateway) -> None:
    with running(gateway, "web", "--port", "0", "--drain", "2") as web:
        url = served(web)
        gateway.run("operators", "add", "a@acme.test", "--name", "A", "--role", "admin")
        token = gateway.run("tokens", "add", "a@acme.test").stdout.split()[-1]
        family = web.family()
        with requests.Session() as kept, half_a_request(url) as slow:
            assert kept.get(f"{url}/healthz", timeout=10).status_code == 200
            reader = Reader(url, token)
            reader.opened()
            began = time.monotonic()
            web.process.send_signal(signal.SIGTERM)
            wait_until(lambda: checks(url) == {"status": "leaving"}, "that it says so")
            assert requests.get(f"{url}/readyz", timeout=10).status_code == 503
            # Whoever calls nevertheless is served, and told not to come again this way.
            for asked in (kept, requests):
                answer = asked.get(f"{url}/healthz", timeout=10)  # type: ignore[attr-defined]
                assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
            # The stream goes on, and ends as a whole when nobody is let in any more.
            assert reader.next(within_s=10) is None
            assert reader.ended
            assert time.monotonic() - began > 1.5
            # What had begun is answered, although the rest of it comes only now.
            slow.sendall(b"{}")
            assert answer_of(slow).status == 401
            assert web.process.wait(10) == 0
            assert time.monotonic() - began < 6
            reader.close()
    assert all_gone(family)


def test_a_quiet_connection_holds_up_nothing_and_is_not_cut_in_a_request(gateway: Gateway) -> None:
    with running(gateway, "web", "--port", "0") as web:
        url = served(web)
        host, port = url.removeprefix("http://").split(":")
        with requests.Session() as kept:
            kept.get(f"{url}/healthz", timeout=10)
            time.sleep(0.6)  # as quiet as a proxy's
            with socket.create_connection((host, int(port)), timeout=10) as late:
                web.process.send_signal(signal.SIGTERM)
                # Just connected, its request is on its way.
                time.sleep(0.1)
                late.sendall(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
                assert answer_of(late).status == 200
            began = time.monotonic()
            assert web.process.wait(10) == 0
            assert time.monotonic() - began < 3


def test_who_waits_at_the_door_is_let_in(gateway: Gateway) -> None:
    with running(gateway, "web", "--port", "0") as web:
        url = served(web)
        host, port = url.removeprefix("http://").split(":")
        (worker,) = psutil.Process(web.process.pid).children(recursive=True) or [web.process]
        worker.suspend()  # its event loop stands: whoever calls waits in the kernel
        with socket.create_connection((host, int(port)), timeout=10) as waiting:
            waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
            worker.send_signal(signal.SIGTERM)
            worker.resume()
            assert answer_of(waiting).status == 200
