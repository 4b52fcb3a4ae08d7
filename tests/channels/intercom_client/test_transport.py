"""The way there: TLS, proxies, connections that went away, and the deadline on each."""

from __future__ import annotations

import contextlib
import gzip
import json
import select
import socket
import time
from pathlib import Path

import pytest

from gateway.channels.intercom.client import IntercomPort
from gateway.channels.intercom.client.answers import trouble_of
from gateway.channels.intercom.client.transport import Exchange
from gateway.errors import Again, Ours, UnknownOutcome
from tests.channels.intercom_client.stub import (
    Behaviour,
    authority,
    drips,
    is_silent,
    refuses,
    says,
    stub,
)

CONVERSATION = {"type": "conversation", "id": "7", "updated_at": 1_700_000_000}


def port_to(url: str) -> IntercomPort:
    return IntercomPort(access_token="a-token", base_url=url)


def reply(port: IntercomPort, deadline: float = 5.0) -> object:
    return port.reply("7", admin="55", html="<p>Hello</p>", deadline=deadline)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(str(known))
    monkeypatch.setenv("SSL_CERT_FILE", str(known))


@pytest.mark.usefixtures("trusted")
def test_tls() -> None:
    with stub(says(200, CONVERSATION), tls=True) as server:
        port = port_to(server.url)
        assert [reply(port) for _ in range(3)] == [CONVERSATION] * 3
        assert len(server.asked) == 3


def test_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent() -> None:
    with stub(says(200, CONVERSATION), tls=True) as server:
        with pytest.raises(Again, match="CERTIFICATE_VERIFY_FAILED"):
            reply(port_to(server.url))
        assert server.asked == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "behaviour", [is_silent, drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", 0.05)], ids=["silent", "drips"]
)
def test_deadline_over_tls(behaviour: Behaviour) -> None:
    with stub(behaviour, tls=True) as server:
        begun = time.monotonic()
        with pytest.raises(UnknownOutcome):
            reply(port_to(server.url), 0.6)
        assert 0.5 <= time.monotonic() - begun < 1.0


def test_deadline_over_a_tls_handshake_that_does_not_come() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begun = time.monotonic()
        with pytest.raises(Again):
            reply(port_to(f"https://127.0.0.1:{listener.getsockname()[1]}"), 0.6)
        assert 0.5 <= time.monotonic() - begun < 1.0


@pytest.mark.parametrize("first", ["dead", "a black hole"])
def test_second_address_gets_its_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(stub(says(200, CONVERSATION)))
        number = int(server.url.rpartition(":")[2])
        if first == "a black hole":
            hole = stack.enter_context(socket.create_server(("127.0.0.2", number), backlog=0))
            for _ in range(2):  # once the queue is full, Linux does not answer
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(hole.getsockname())
        real = socket.getaddrinfo

        def resolve(host: str, *rest: object, **named: object) -> object:
            if host != "intercom.test":
                return real(host, *rest, **named)  # type: ignore[arg-type]
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("127.0.0.2", number)), (*kind, ("127.0.0.1", number))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert reply(port_to(f"http://intercom.test:{number}"), 2.0) == CONVERSATION


def test_connection_that_the_server_closed_while_idle_is_replaced() -> None:
    def answers_and_leaves(connection: socket.socket) -> None:
        says(200, CONVERSATION)(connection)
        connection.shutdown(socket.SHUT_RDWR)

    with stub(answers_and_leaves) as server:
        port = port_to(server.url)
        for _ in range(5):
            assert reply(port) == CONVERSATION
            time.sleep(0.02)


def test_answer_may_be_compressed() -> None:
    body = gzip.compress(json.dumps(CONVERSATION).encode())
    with stub(says(200, body, content_encoding="gzip")) as server:
        assert reply(port_to(server.url)) == CONVERSATION
        assert "gzip" in server.asked[0].headers["accept-encoding"]


def test_port_that_goes_closes_its_connections() -> None:
    with stub(says(200, CONVERSATION)) as server:
        port = port_to(server.url)
        reply(port)
        port.shut()
        port.shut()
        reply(port)  # and a late thread opens a new one


# -- through a proxy


def tunnel_to(url: str) -> Behaviour:
    """Be a proxy: pass on what comes after the CONNECT."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as onward:
            _pump(connection, onward)

    return behave


def _pump(one: socket.socket, other: socket.socket) -> None:
    while True:
        for source in select.select([one, other], [], [], 5)[0]:
            passed = source.recv(65_536)
            if not passed:
                return
            (other if source is one else one).sendall(passed)


@pytest.mark.usefixtures("trusted")
def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(says(200, CONVERSATION), tls=True) as server, stub(tunnel_to(server.url)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//ada:secret@"))
        assert reply(port_to("https://intercom.test")) == CONVERSATION
    (connect,) = proxy.asked
    assert (connect.method, connect.path) == ("CONNECT", "intercom.test:443")
    assert connect.headers["proxy-authorization"] == "Basic YWRhOnNlY3JldA=="
    assert "authorization" not in connect.headers
    assert server.asked[0].headers["authorization"] == "Bearer a-token"


@pytest.mark.parametrize("behaviour", [refuses(407, "who_are_you"), refuses(502, "no"), is_silent])
def test_proxy_that_does_not_let_us_out_has_sent_nothing(
    monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour
) -> None:
    with stub(behaviour) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(Again):
            reply(port_to("https://intercom.test"), 0.5)


def test_no_proxy_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(is_silent) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "intercom.test")
        with pytest.raises(Again):
            reply(port_to("https://intercom.test"), 0.5)
        assert proxy.asked == []


# -- trouble of our own


def test_mistake_of_ours_is_loud_unless_something_was_sent() -> None:
    exchange = Exchange(ends_at=0.0)
    assert isinstance(trouble_of(RuntimeError(), exchange, write=True, what="a reply"), Ours)
    exchange.wrote = True
    trouble = trouble_of(RuntimeError(), exchange, write=True, what="a reply")
    assert isinstance(trouble, UnknownOutcome)
