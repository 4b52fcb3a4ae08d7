"""Servers that are slow, broken or gone: a turn ends in time, whatever they do."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agents.deadline import TimedConnection, within
from gateway.errors import Again, Never
from gateway.events import Answer, Later
from tests.agents.http_agent import ANSWER, HELLO, agent, ask
from tests.agents.servers import answering, json_response, raw_server, read_request
from tests.agents.turns import asked

OK = b"HTTP/1.1 200 OK\r\n"


class Drips:
    """Sends slowly enough for a short deadline to pass, fast enough for every single read."""

    def __init__(self, head: bytes, tail: bytes) -> None:
        self._head = head
        self._tail = tail
        self.finished = False

    def __call__(self, connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(self._head)
        for byte in self._tail:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)
        self.finished = True


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        pytest.param(OK + b"content-length: 150\r\n\r\n", b"{" + b" " * 148 + b"}", id="body"),
        pytest.param(OK + b"x: ", b"y" * 150 + b"\r\ncontent-length: 2\r\n\r\n{}", id="head"),
        pytest.param(
            OK + b"transfer-encoding: chunked\r\n\r\n",
            b"1\r\n{\r\n" + b"1\r\n \r\n" * 25 + b"1\r\n}\r\n0\r\n\r\n",
            id="chunks",
        ),
    ],
)
def test_the_deadline_holds_for_the_whole_call(head: bytes, tail: bytes) -> None:
    server = Drips(head, tail)
    with raw_server(server) as url, pytest.raises(Again, match=r"within 0\.3 s") as raised:
        ask(url, timeout_s=0.3)
    assert raised.value.details == {"timeout": True}
    # We hung up long before the server, at its pace of some 3 s, was done.
    assert not server.finished


def test_a_server_that_says_nothing() -> None:
    def silent(connection: socket.socket) -> None:
        read_request(connection)
        while connection.recv(1):
            pass

    with raw_server(silent) as url, pytest.raises(Again) as raised:
        ask(url, timeout_s=0.3)
    assert raised.value.details == {"timeout": True}


def test_the_deadline_holds_for_every_call_on_a_kept_connection() -> None:
    slow = Drips(OK + b"content-length: 150\r\n\r\n", b"{" + b" " * 148 + b"}")
    connections = 0

    def connected(connection: socket.socket) -> None:
        nonlocal connections
        connections += 1
        for _ in range(3):
            read_request(connection)
            connection.sendall(OK + b"content-length: 2\r\n\r\n{}")
        slow(connection)

    with raw_server(connected) as url:
        asking = agent(url, timeout_s=0.5)
        for _ in range(3):
            assert asking.ask(asked("quick")) == Answer()
        with pytest.raises(Again) as raised:
            asking.ask(asked("slow"))
    assert raised.value.details == {"timeout": True}
    assert not slow.finished
    assert connections == 1


def test_sending_ends_at_the_deadline_too() -> None:
    with raw_server(lambda connection: None) as url:
        connection = TimedConnection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        with within(5):
            connection.connect()
        with within(0), pytest.raises(TimeoutError):
            connection.send(b"POST")
        connection.close()


def test_a_server_that_does_not_read() -> None:
    heard = threading.Event()

    def deaf(connection: socket.socket) -> None:
        heard.wait(10)

    # More than the sockets' buffers hold.
    heavy = asked("Hi", parameters={"weight": "x" * 20_000_000})
    with raw_server(deaf) as url:
        with pytest.raises(Again) as raised:
            agent(url, timeout_s=0.3).ask(heavy)
        heard.set()
    assert raised.value.details == {"timeout": True}


def test_a_handshake_that_does_not_end() -> None:
    def silent(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with raw_server(silent) as url, pytest.raises(Again) as raised:
        ask(url.replace("http://", "https://"), timeout_s=0.3)
    assert raised.value.details == {"timeout": True}


def test_a_server_that_does_not_speak_tls() -> None:
    def plain(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(plain) as url, pytest.raises(Again, match="cannot be reached"):
        ask(url.replace("http://", "https://"))


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with pytest.raises(Again, match="cannot be reached") as raised:
        ask(url)
    assert raised.value.details == {}


def test_no_such_host() -> None:
    with pytest.raises(Again, match=r"nowhere\.invalid cannot be reached"):
        ask("http://nowhere.invalid/")


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n{}",
        b"220 mail.example.org ESMTP\r\n",
    ],
)
def test_broken_http_is_tried_again(response: bytes) -> None:
    with raw_server(answering(response)) as url, pytest.raises(Again):
        ask(url)


def endless(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"a":"')
    with suppress(OSError):
        while True:
            connection.sendall(b"x" * 65536)


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    with raw_server(endless) as url, pytest.raises(Again, match="larger than 1048576 bytes"):
        ask(url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    elsewhere: list[bytes] = []

    def target(connection: socket.socket) -> None:
        elsewhere.append(read_request(connection))

    with raw_server(target) as there:
        # The body never ends: it must not be read either.
        head = f"HTTP/1.1 {status} Moved\r\nlocation: {there}\r\ncontent-length: 999999\r\n\r\n"
        with (
            raw_server(answering(head.encode())) as url,
            pytest.raises(Never, match="redirects are not followed"),
        ):
            ask(url, timeout_s=20)
    assert elsewhere == []


def test_many_threads_share_one_agent() -> None:
    def connected(connection: socket.socket) -> None:
        while True:
            number = json.loads(read_request(connection))["session"]["id"]
            body = json.dumps({"messages": [{"text": number}]}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    with raw_server(connected) as url:
        asking = agent(url)

        def answer_to(number: int) -> Answer | Later:
            return asking.ask(asked("Hi", session=f"ses_{number}"))

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(answer_to, range(200)))
        asking.close()
    assert answers == [Answer(messages=(f"ses_{number}",)) for number in range(200)]


def test_cookies_are_not_kept() -> None:
    seen: list[bytes] = []

    def connected(connection: socket.socket) -> None:
        seen.append(connection.recv(65536, socket.MSG_PEEK))
        read_request(connection)
        connection.sendall(
            OK + b"set-cookie: a=b\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
        )

    with raw_server(connected) as url:
        asking = agent(url)
        asking.ask(asked("Hi"))
        asking.ask(asked("Hi"))
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


HEADS = st.sampled_from(
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: ",
        b"HTTP/1.1 503 No\r\nretry-after: ",
        b"HTTP/1.1 200 OK\r\nset-cookie: ",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ]
)


@settings(max_examples=150)
@given(head=HEADS, rest=st.binary(max_size=200))
def test_any_bytes_from_a_socket_are_an_answer_or_a_known_error(head: bytes, rest: bytes) -> None:
    with raw_server(answering(head + rest)) as url:
        try:
            assert isinstance(ask(url), Answer | Later)
        except (Again, Never):
            pass


def test_an_answer_over_a_real_socket() -> None:
    with raw_server(answering(json_response(ANSWER))) as url:
        assert ask(url) == HELLO
