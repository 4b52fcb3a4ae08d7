"""What becomes of a turn that is posted to an agent."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.agents.base import AIAgent
from gateway.agents.http import HttpAgent
from gateway.agents.http.deadline import TimedConnection, within
from gateway.clock import MovableClock
from gateway.errors import Again, ConfigError, Never
from gateway.events import Actor, Answer, Attachment, HandoverRequest, Later
from tests.agents.servers import (
    answering,
    json_response,
    raw_server,
    read_request,
    response_of,
)
from tests.agents.turns import NOON, asked, said, turn

KEY = b"0123456789abcdef01234567"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another-key-of-24-bytes.").decode()
URL = "https://user:pass-word@ai.example.org:8443/turn?token=top-secret"
ANSWER = {"messages": [{"text": "Hello!"}]}
HELLO = Answer(messages=("Hello!",))


def agent(url: str = URL, secret: Any = SECRET, **more: Any) -> HttpAgent:
    return HttpAgent(url, secret, public_url="https://gw.example.org/", **more)


def ask(url: str, **more: Any) -> Answer | Later:
    return agent(url, **more).ask(asked("Hi"))


@pytest.fixture
def web() -> Any:
    with responses.RequestsMock() as mock:
        yield mock


def test_the_request_is_the_protocol_to_the_letter(web: responses.RequestsMock) -> None:
    web.post(URL, json=ANSWER)
    question = turn(
        said(1, "customer", "Ciao"),
        said(2, "operator", "I am Anna"),
        said(
            3,
            "customer",
            "And *now*? 🙂",
            new=True,
            attachments=[Attachment(url="https://f/1", name="a.png", content_type="image/png")],
        ),
        cause="returned",
        brief="Anna said hello.",
        previous_summary="Was about lights.",
        parameters={"order": "FL-1"},
        results={"mood": 2},
    )
    asking: AIAgent = agent(handover_conditions="When upset.")

    assert asking.ask(question) == HELLO

    request = web.calls[0].request
    assert json.loads(request.body or b"") == {
        "type": "turn.requested",
        "turn_id": "trn_1",
        "reply_url": "https://gw.example.org/api/v1/turns/trn_1/reply",
        "session": {
            "id": "ses_1",
            "channel": "acme-web",
            "mode": "ai",
            "parameters": {"order": "FL-1"},
            "results": {"mood": 2},
        },
        "contact": {"id": "con_1", "name": "Maeve", "email": "m@example.org", "verified": True},
        "handover": {
            "allowed": True,
            "customer_request_allowed": True,
            "conditions": "When upset.",
        },
        "messages": [
            {
                "id": "msg_1",
                "author": {"kind": "customer", "name": "Maeve"},
                "text": "Ciao",
                "attachments": [],
                "occurred_at": "2026-11-22T12:00:01.000Z",
                "new": False,
            },
            {
                "id": "msg_2",
                "author": {"kind": "operator", "name": "Anna"},
                "text": "I am Anna",
                "attachments": [],
                "occurred_at": "2026-11-22T12:00:02.000Z",
                "new": False,
            },
            {
                "id": "msg_3",
                "author": {"kind": "customer", "name": "Maeve"},
                "text": "And *now*? 🙂",
                "attachments": [
                    {
                        "url": "https://f/1",
                        "name": "a.png",
                        "content_type": "image/png",
                        "size": None,
                    }
                ],
                "occurred_at": "2026-11-22T12:00:03.000Z",
                "new": True,
            },
        ],
        "cause": "returned",
        "brief": "Anna said hello.",
        "previous_summary": "Was about lights.",
    }


@pytest.mark.parametrize(
    ("mode", "rules", "allowed", "customer_request_allowed"),
    [
        ("ai", {}, True, True),
        ("ai", {"allow_customer_request": False}, True, False),
        ("ai", {"allow_handover": False}, False, False),
        ("copilot", {}, False, False),
    ],
)
def test_the_agent_is_told_what_it_may(
    web: responses.RequestsMock,
    mode: str,
    rules: dict[str, bool],
    allowed: bool,
    customer_request_allowed: bool,
) -> None:
    web.post(URL, json={})
    agent(**rules).ask(asked("Hi", mode=mode, cause="draft", contact=None))
    told = json.loads(web.calls[0].request.body or b"")
    assert told["handover"]["allowed"] is allowed
    assert told["handover"]["customer_request_allowed"] is customer_request_allowed
    assert told["contact"] is None


@pytest.mark.parametrize("secret", [SECRET, [SECRET], [OTHER_SECRET, SECRET]])
def test_the_request_is_signed_with_every_secret(
    web: responses.RequestsMock, secret: str | list[str]
) -> None:
    web.post(URL, json=ANSWER)
    agent(secret=secret).ask(asked("Hi 🙂"))
    request = web.calls[0].request
    assert request.headers["webhook-id"] == "trn_1"
    Webhook(SECRET).verify(request.body, dict(request.headers))  # type: ignore[arg-type]


def test_a_whole_answer_is_read(web: responses.RequestsMock) -> None:
    web.post(
        URL,
        json={
            "messages": [{"text": "One", "extra": 1}, {"text": " \n"}, {"text": "Two"}],
            "parameters": {"order": "FL-1"},
            "results": {"scores": [1, 2.5, None, True]},
            "handover": {"trigger": "automatic", "reason": "Refund", "summary": "640 EUR"},
            "finish": False,
            "version": 7,
        },
    )
    assert ask(URL) == Answer(
        messages=("One", "Two"),
        parameters={"order": "FL-1"},
        results={"scores": [1, 2.5, None, True]},
        handover=HandoverRequest(trigger="automatic", reason="Refund", summary="640 EUR"),
    )


@pytest.mark.parametrize(
    "body", [{}, {"messages": []}, {"messages": None, "handover": None, "finish": None}]
)
def test_an_answer_may_say_nothing(web: responses.RequestsMock, body: Any) -> None:
    web.post(URL, json=body)
    assert ask(URL) == Answer()


def test_202_means_later(web: responses.RequestsMock) -> None:
    web.post(URL, status=202, body="whatever")
    assert ask(URL) == Later()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_passing_refusals(web: responses.RequestsMock, status: int) -> None:
    web.post(URL, status=status)
    with pytest.raises(Again) as raised:
        ask(URL)
    assert raised.value.details == {"status": status}
    assert raised.value.after_s is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 451])
def test_lasting_refusals(web: responses.RequestsMock, status: int) -> None:
    web.post(URL, status=status)
    with pytest.raises(Never) as raised:
        ask(URL)
    assert raised.value.details == {"status": status}


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


def http_date(instant: datetime) -> str:
    return instant.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("wish", "after_s"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("86400", 20.0),
        ("9" * 400, 20.0),
        (http_date(NOON + timedelta(seconds=9)), 9.0),
        (http_date(NOON - timedelta(days=1)), 0.0),
        (http_date(NOON + timedelta(days=1)), 20.0),
        ("soon", None),
        ("-3", None),
        ("nan", None),
        ("", None),
    ],
)
def test_an_agents_wish_for_a_pause(
    web: responses.RequestsMock, wish: str, after_s: float | None
) -> None:
    web.post(URL, status=429, headers={"Retry-After": wish})
    with pytest.raises(Again) as raised:
        ask(URL, clock=MovableClock(NOON))
    assert raised.value.after_s == after_s


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


OK = b"HTTP/1.1 200 OK\r\n"


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


@pytest.mark.parametrize(
    "problem",
    [
        {"status": 400, "body": "the-body"},
        {"status": 500, "body": "the-body"},
        {"status": 302, "body": "the-body"},
        {"body": "the-body"},
        {"json": {"messages": [{"text": {"the-body": 1}}], "parameters": ["the-body"]}},
        {"json": {"handover": {"trigger": "the-body"}}},
    ],
)
def test_errors_keep_secrets_and_words(
    web: responses.RequestsMock, problem: dict[str, Any]
) -> None:
    web.post(URL, **problem)
    with pytest.raises((Again, Never)) as raised:
        ask(URL)
    assert_discreet(raised.value)
    assert "ai.example.org:8443" in raised.value.message


def test_connection_errors_keep_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Again) as raised:
        ask(f"http://user:pass-word@127.0.0.1:{port}/turn?token=top-secret")
    assert_discreet(raised.value)


def assert_discreet(error: Again | Never) -> None:
    told = "".join(traceback.format_exception(error, limit=0)) + repr(error.details)
    for secret in ("pass-word", "top-secret", "the-body", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in told


@pytest.mark.parametrize("url", ["", "ai.example.org", "ftp://a/", "https://", "http://a:x/"])
def test_an_address_that_can_never_work(url: str) -> None:
    with pytest.raises(ConfigError, match="url must be"):
        agent(url)


@pytest.mark.parametrize(
    "secret", [[], "", "hush", "whsec_", "whsec_not base64!", "whsec_ab-_", [SECRET, "whsec_é"]]
)
def test_a_secret_that_can_never_work(secret: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        agent(secret=secret)
    told = "".join(traceback.format_exception(raised.value, limit=0))
    assert "not base64!" not in told
    assert "hush" not in told


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
NEARLY_ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(st.fixed_dictionaries({"text": st.text() | JSON_VALUES}))
        | JSON_VALUES,
        "parameters": JSON_VALUES,
        "results": JSON_VALUES,
        "handover": st.fixed_dictionaries(
            {"trigger": st.sampled_from(["automatic", "customer_request", "manual"])},
            optional={"reason": JSON_VALUES, "summary": JSON_VALUES},
        )
        | JSON_VALUES,
        "finish": JSON_VALUES,
    },
)


@given(
    status=st.integers(200, 599),
    body=st.binary()
    | JSON_VALUES.map(lambda data: json.dumps(data).encode())
    | NEARLY_ANSWERS.map(lambda data: json.dumps(data).encode()),
)
def test_any_answer_is_an_answer_or_a_known_error(status: int, body: bytes) -> None:
    with responses.RequestsMock() as mock:
        mock.post(URL, status=status, body=body)
        try:
            answer = ask(URL)
        except (Again, Never):
            return
    assert isinstance(answer, Answer | Later)
    if isinstance(answer, Answer):
        # What was read can be kept: strict JSON, UTF-8, no NUL.
        kept = json.dumps(
            [answer.messages, answer.parameters, answer.results],
            allow_nan=False,
            ensure_ascii=False,
        )
        assert "\\u0000" not in kept
        kept.encode()


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


def test_an_unreadable_answer_names_the_field() -> None:
    bad = response_of(b'{"messages": [{"text": "a"}, {"text": 3}], "finish": "yes"}')
    with raw_server(answering(bad)) as url, pytest.raises(Again) as raised:
        ask(url)
    assert "messages[1].text: Not a valid string." in raised.value.message
    assert "finish: Not a valid boolean." in raised.value.message


def test_authors_without_a_name(web: responses.RequestsMock) -> None:
    web.post(URL, json={})
    agent().ask(turn(replace(said(1, "customer", "Hi"), author=Actor(kind="customer"))))
    sent = json.loads(web.calls[0].request.body or b"")
    assert sent["messages"][0]["author"] == {"kind": "customer", "name": None}
