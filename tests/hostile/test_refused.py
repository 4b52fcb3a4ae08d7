"""What is not authentic, not readable or too large changes nothing and is told why."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.hostile.door import Answer, Door, notification, said, signature, signed

MAX = 10 * 1024 * 1024
# Always the same bytes: they are part of test ids, which every process of pytest must agree on.
BODY = json.dumps(notification("ping", None, id="x") | {"created_at": 1_790_000_000}).encode()
SECRET = "standin-client-secret"
RIGHT = signature(BODY, SECRET)


def check_refused(door: Door, answer: Answer, status: int, what: str, before: str) -> None:
    assert answer.status == status, answer.body
    assert what in answer.error, answer.error
    assert SECRET not in answer.error
    assert door.record() == before


@pytest.mark.parametrize(
    ("headers", "what"),
    [
        ([], "X-Hub-Signature is missing"),
        ([("X-Hub-Signature", "")], "is not a signature"),
        ([("X-Hub-Signature", " ")], "is not a signature"),
        ([("X-Hub-Signature", "sha1=")], "is not a signature"),
        ([("X-Hub-Signature", RIGHT[5:])], "is not a signature"),
        ([("X-Hub-Signature", RIGHT[:-1])], "is not a signature"),
        ([("X-Hub-Signature", RIGHT + "0")], "is not a signature"),
        ([("X-Hub-Signature", "sha1=" + "٠" * 40)], "is not a signature"),
        ([("X-Hub-Signature", b"sha1=" + b"\xff" * 40)], "is not a signature"),
        ([("X-Hub-Signature", "sha256=" + "0" * 64)], "is not a signature"),
        ([("X-Hub-Signature", "sha1=" + "0" * 40)], "does not match"),
        ([("X-Hub-Signature", signature(BODY, "other-secret"))], "does not match"),
        ([("X-Hub-Signature", signature(BODY, ""))], "does not match"),
        ([("X-Hub-Signature", signature(BODY + b" ", SECRET))], "does not match"),
        ([("X-Hub-Signature", RIGHT), ("X-Hub-Signature", RIGHT)], "is not a signature"),
        ([("X-Hub-Signature", "sha1=" + "0" * 40), ("X-Hub-Signature", RIGHT)], "not a signature"),
        ([("X-Hub-Signature", "sha1=0" * 1000)], "is not a signature"),
        ([("X-Body-Signature", RIGHT[5:])], "X-Hub-Signature is missing"),
        ([("Authorization", f"Bearer {SECRET}")], "X-Hub-Signature is missing"),
        ([("X-Hub-Signature-256", RIGHT)], "X-Hub-Signature is missing"),
    ],
)
def test_who_does_not_sign_is_401(door: Door, headers: list[tuple[str, Any]], what: str) -> None:
    encoded = [(n, v.encode() if isinstance(v, str) else v) for n, v in headers]
    before = door.record()
    check_refused(door, door.knock(BODY, encoded), 401, what, before)


def test_a_signature_for_other_bytes_is_401(door: Door) -> None:
    before = door.record()
    for other in (BODY[:-1], BODY + b"\n", BODY.replace(b"ping", b"pong"), b"", b"\x00" * 1000):
        answer = door.knock(other, {"X-Hub-Signature": RIGHT})
        check_refused(door, answer, 401, "does not match", before)


def test_capitals_and_the_other_secret_case_are_the_same_signature(door: Door) -> None:
    content = json.dumps(notification("ping", None, id="capitals")).encode()
    given = signature(content, SECRET)
    assert door.knock(content, {"x-hub-signature": f" SHA1={given[5:].upper()} "}).status == 200


DEEP = 100_000


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "not JSON"),
        (b" ", "not JSON"),
        (b"\x00", "not JSON"),
        (b"{", "not JSON"),
        (BODY[:-1], "not JSON"),
        (BODY + BODY, "not JSON"),
        (b"topic=ping&id=1", "not JSON"),
        (b"<topic>ping</topic>", "not JSON"),
        (b"null", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'"topic"', "not a JSON object"),
        (b"1e400", "not"),
        (b"{}", "topic is missing"),
        (b'{"topic":"ping","n":NaN}', "not JSON"),
        (b'{"topic":"ping","n":-Infinity}', "not JSON"),
        (b'{"topic":"ping","n":1e999999}', "not JSON"),
        (b"[" * DEEP, "nested too deeply"),
        (b'{"topic":"ping","data":' + b'{"a":' * DEEP + b"1" + b"}" * (DEEP + 1), "too deeply"),
        (b'{"topic":"ping","x":"\\ud83d","data":' + b"[" * DEEP + b"]" * DEEP + b"}", "deeply"),
        (b'{"topic":"\xff\xfe"}', "not UTF-8"),
        (b'{"topic":"ping","x":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"topic":"ping","x":"\xc0\xaf"}', "not UTF-8"),
        (BODY.decode().encode("utf-16"), "not"),
        (BODY.decode().encode("utf-32"), "not"),
        (b"\xef\xbb\xbf" + BODY, "not JSON"),
        (gzip.compress(BODY, mtime=0), "not"),
        (b'{"topic":17}', "topic is a int"),
        (b'{"topic":["ping"]}', "topic is a list"),
        (b'{"topic":"ping","topic":null}', "topic is missing"),
        (b'{"topic":"a\\u0000b"}', "topic is not a name"),
        (b'{"topic":"' + b"a" * 101 + b'"}', "topic is not a name"),
        (b'{"topic":"ping","id":{}}', "id is a dict"),
        (b'{"topic":"ping","id":1.5}', "id is a float"),
        (b'{"topic":"ping","id":"a\\u0000"}', "id is not an id"),
        (b'{"topic":"ping","id":"' + b"9" * 129 + b'"}', "id is not an id"),
        (b'{"topic":"ping","id":' + b"9" * 4000 + b"}", "id is"),
        (b'{"topic":"ping","id":' + b"9" * 400_000 + b"}", ""),
        (b'{"topic":"ping","app_id":[1]}', "app_id is a list"),
        (b'{"topic":"ping","app_id":"\\u0000"}', "app_id is not an id"),
        (b'{"topic":"ping","app_id":-99999999999999999999}', "app_id is out of range"),
    ],
    ids=lambda value: str(value[:40]) if isinstance(value, bytes) else None,
)
def test_what_cannot_be_read_is_400(door: Door, body: bytes, what: str) -> None:
    before = door.record()
    began = time.monotonic()
    check_refused(door, door.send(body), 400, what, before)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("extra", [1, MAX])
def test_too_large_is_413_announced_or_not(door: Door, extra: int) -> None:
    before = door.record()
    body = b'{"topic":"ping","x":"' + b"x" * (MAX + extra) + b'"}'
    check_refused(door, door.send(body), 413, "larger than", before)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    answer = door.knock(pieces(), signed(body, SECRET), chunked=True)
    check_refused(door, answer, 413, "larger than", before)


def test_a_length_that_is_only_announced_is_413_at_once(door: Door) -> None:
    before = door.record()
    for length in (str(MAX + 1), "10000000000", "9" * 30):
        answer = door.knock(b"", {"X-Hub-Signature": RIGHT, "Content-Length": length})
        check_refused(door, answer, 413, "larger than", before)


@pytest.mark.parametrize("length", ["-1", "abc", "1_0", "+5", "0x10", "1, 2"])
def test_a_length_that_is_none_is_refused_by_the_server(door: Door, length: str) -> None:
    before = door.record()
    head = f"POST /webhooks/acme-intercom HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    assert 400 <= raw(door, head.encode() + BODY) < 500
    assert door.record() == before


def test_what_is_no_http_does_not_stop_the_server(door: Door) -> None:
    before = door.record()
    for noise in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"\x00" * 100,
        b"POST " + b"a" * 9000,
    ):
        raw(door, noise + b"\r\n\r\n")
    both = b"POST /webhooks/acme-intercom HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    assert 400 <= raw(door, both + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") < 500
    assert door.record() == before
    assert door.send(notification("ping", None, id="after the noise")).status == 200


def raw(door: Door, request: bytes) -> int:
    """Send bytes and hang up; return the status, 0 if there is none."""

    with socket.create_connection(("127.0.0.1", door.port), timeout=5) as connection:
        connection.sendall(request)
        with suppress(OSError):  # it may have hung up already
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while received := connection.recv(65536):
                answer += received
        except (ConnectionResetError, TimeoutError):
            pass
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    "name", ["acme", "acme-intercom%00", "ACME-INTERCOM", "..%2f..", "%F0%9F%92%A9", "x" * 4000]
)
def test_an_unknown_channel_is_404(door: Door, name: str) -> None:
    before = door.record()
    answer = door.knock(BODY, signed(BODY, SECRET), path=f"/webhooks/{name}")
    check_refused(door, answer, 404, "", before)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_405(door: Door, method: str) -> None:
    before = door.record()
    answer = door.knock(BODY, signed(BODY, SECRET), method=method)
    check_refused(door, answer, 405, "", before)
    assert {one.strip() for one in answer.headers["Allow"].split(",")} == {"HEAD", "POST"}


def test_a_replay_is_200_and_changes_nothing(door: Door) -> None:
    content = said("<p>Hello</p>", id="replayed", conversation="77001")
    assert door.send(content).status == 200
    before = door.record()
    for _ in range(3):
        assert door.send(content).status == 200
    # The same again under another id, as Intercom's topics do: nothing new is said.
    messages = len(door.it.table("messages"))
    assert door.send({**content, "id": "replayed-2"}).status == 200
    assert len(door.it.table("messages")) == messages
    assert before != door.record(), "the delivery itself is kept"
