"""The port over real HTTP: what it sends, how long it waits, what it makes of answers."""

from __future__ import annotations

import json
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.channels.intercom.client import IntercomPort
from gateway.errors import Again, ConfigError, GatewayError, Never, NotFound, UnknownOutcome
from tests.channels.intercom_client.stub import (
    Behaviour,
    Stub,
    drips,
    hangs_up,
    is_silent,
    refuses,
    says,
    stub,
)

TOKEN = "dG9rOnNlY3JldA=="
CONVERSATION = {"type": "conversation", "id": "7", "updated_at": 1_700_000_000}

Asking = Callable[[IntercomPort, float], object]


def read(port: IntercomPort, deadline: float = 5.0) -> object:
    return port.conversation("7", deadline=deadline)


def reply(port: IntercomPort, deadline: float = 5.0) -> object:
    return port.reply("7", admin="55", html="<p>Hello</p>", deadline=deadline)


def assign(port: IntercomPort, deadline: float = 5.0) -> object:
    return port.assign("7", admin="55", kind="team", assignee="9", deadline=deadline)


@contextmanager
def opened(url: str, **options: str) -> Iterator[IntercomPort]:
    port = IntercomPort(access_token=TOKEN, base_url=url, **options)  # type: ignore[arg-type]
    try:
        yield port
    finally:
        port.shut()


@contextmanager
def against(*behaviours: Behaviour, **options: str) -> Iterator[tuple[IntercomPort, Stub]]:
    with stub(*behaviours) as server, opened(server.url, **options) as port:
        yield port, server


# -- what is sent


def test_version_and_token_are_sent_with_every_request() -> None:
    with against(says(200, CONVERSATION), api_version="2.13") as (port, server):
        read(port)
        reply(port)
    assert [asked.headers["intercom-version"] for asked in server.asked] == ["2.13", "2.13"]
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {TOKEN}"}


def test_requests_are_spelled_as_intercom_documents_them() -> None:
    with against(says(200, CONVERSATION)) as (port, server):
        port.conversation("7")
        port.reply("7", admin="55", html="<p>Hi</p>")
        port.note("7", admin="55", html="<p>Psst</p>")
        port.assign("7", admin="55", kind="admin", assignee="0")
        port.close("7", admin="55")
        port.contact("5f7f0d217289f8d2f4262080")
        port.me()
        port.search_conversations(updated_since=1_700_000_000, per_page=2, starting_after="abc")
        port.search_conversations(updated_since=1_700_000_000, updated_until=1_700_000_600)
        port.search_contacts(updated_since=1_700_000_000)
        port.deleted_conversations(page=2)
    first, *writes, contact, me, search, span, contacts, deleted = server.asked
    assert (first.method, first.path) == ("GET", "/conversations/7")
    assert [(asked.path, asked.json) for asked in writes] == [
        (
            "/conversations/7/reply",
            {"message_type": "comment", "type": "admin", "admin_id": "55", "body": "<p>Hi</p>"},
        ),
        (
            "/conversations/7/reply",
            {"message_type": "note", "type": "admin", "admin_id": "55", "body": "<p>Psst</p>"},
        ),
        (
            "/conversations/7/parts",
            {"message_type": "assignment", "type": "admin", "admin_id": "55", "assignee_id": "0"},
        ),
        (
            "/conversations/7/parts",
            {"message_type": "close", "type": "admin", "admin_id": "55"},
        ),
    ]
    assert contact.path == "/contacts/5f7f0d217289f8d2f4262080"
    assert me.path == "/me"
    assert (search.method, search.path) == ("POST", "/conversations/search")
    assert search.json == {
        "query": {"field": "updated_at", "operator": ">", "value": 1_699_999_999},
        "pagination": {"per_page": 2, "starting_after": "abc"},
        "sort": {"field": "updated_at", "order": "descending"},
    }
    assert span.json["query"] == {
        "operator": "AND",
        "value": [
            {"field": "updated_at", "operator": ">", "value": 1_699_999_999},
            {"field": "updated_at", "operator": "<", "value": 1_700_000_601},
        ],
    }
    assert contacts.path == "/contacts/search"
    assert contacts.json["sort"] == {"field": "updated_at", "order": "descending"}
    assert deleted.path == "/conversations/deleted?page=2&per_page=60&order=desc"
    assert deleted.headers["authorization"] == first.headers["authorization"]


@pytest.mark.parametrize("wrong", ["last", "", "7/../../me", "7?x=1", "7#", "../me", "٣", "7\n"])
def test_only_an_id_goes_into_the_path(wrong: str) -> None:
    with against(says(200, CONVERSATION)) as (port, server):
        with pytest.raises(NotFound):
            port.conversation(wrong)
        with pytest.raises(Never):
            port.reply(wrong, admin="55", html="x")
        with pytest.raises(NotFound):
            port.contact(wrong)
    assert server.asked == []


def test_answers_are_the_raw_json_that_was_sent() -> None:
    odd = CONVERSATION | {"priority": "urgent", "team_assignee_id": 0, "conversation_parts": None}
    with against(says(200, odd)) as (port, _):
        assert read(port) == odd


@pytest.mark.parametrize("token", ["", " ", "a b", "tok\n", "tök", "a\x00"])
def test_unusable_token_ends_the_start_and_is_not_shown(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        IntercomPort(access_token=token, base_url="http://127.0.0.1:1")
    assert "access_token" in str(caught.value)
    assert not token.strip() or token not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://x", "api.intercom.io", "https://"])
def test_unusable_address_ends_the_start(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        IntercomPort(access_token=TOKEN, base_url=url)


def test_region_chooses_the_address() -> None:
    assert IntercomPort(access_token=TOKEN, region="eu").region == "eu"
    assert IntercomPort(access_token=TOKEN, base_url="https://api.au.intercom.io/").region == "au"
    assert IntercomPort(access_token=TOKEN, base_url="http://127.0.0.1:1").region is None


# -- what answers mean

_AGAIN_OR_UNKNOWN = (Again, UnknownOutcome)
_TABLE: list[tuple[int, str, tuple[type[GatewayError], type[GatewayError]]]] = [
    (301, "moved", (Never, Never)),
    (400, "parameter_invalid", (Never, Never)),
    (400, "intercom_version_invalid", (Never, Never)),
    (401, "unauthorized", (Never, Never)),
    (401, "token_revoked", (Never, Never)),
    (402, "api_plan_restricted", (Never, Never)),
    (403, "forbidden", (Never, Never)),
    (404, "not_found", (NotFound, Never)),
    (408, "request_timeout", _AGAIN_OR_UNKNOWN),
    (409, "conflict", (Again, Again)),
    (410, "contact_merged", (NotFound, Never)),
    (422, "unprocessable_entity", (Never, Never)),
    (429, "rate_limit_exceeded", (Again, Again)),
    (500, "server_error", _AGAIN_OR_UNKNOWN),
    (502, "bad_gateway", _AGAIN_OR_UNKNOWN),
    (503, "service_unavailable", _AGAIN_OR_UNKNOWN),
    (504, "gateway_timeout", _AGAIN_OR_UNKNOWN),
]


@pytest.mark.parametrize(("status", "code", "expected"), _TABLE)
def test_error_answers(
    status: int, code: str, expected: tuple[type[GatewayError], type[GatewayError]]
) -> None:
    for asking, error in zip((read, assign), expected, strict=True):
        with against(refuses(status, code)) as (port, server):
            with pytest.raises(error) as caught:
                asking(port)
            assert type(caught.value) is error
            assert code in caught.value.message
            assert caught.value.details["status"] == status
            assert caught.value.details["codes"] == [code]
            assert len(server.asked) == 1, "a request must never be repeated in here"


@pytest.mark.parametrize("asking", [read, reply])
@pytest.mark.parametrize(
    "body", [b"<html>Sorry</html>", b"", b"\xff\xfe", b'{"errors": "odd"}', b'{"errors": [3, {}]}']
)
def test_error_answers_need_no_readable_body(asking: Asking, body: bytes) -> None:
    for status in (401, 404, 422, 503):
        with against(says(status, body)) as (port, _), pytest.raises(GatewayError) as caught:
            asking(port, 5.0)
        assert caught.value.details["status"] == status


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b"null", b'"x"', b"\xff", b"{", b"[" * 9999]
)
def test_good_answer_that_is_unreadable(body: bytes) -> None:
    with against(says(200, body)) as (port, _):
        with pytest.raises(Again):
            read(port)
        with pytest.raises(UnknownOutcome) as caught:
            reply(port)
    assert caught.value.details["accepted"] is True


def test_answer_with_a_broken_transfer_encoding_is_unreadable() -> None:
    with against(says(200, b"not gzip", content_encoding="gzip")) as (port, _):
        with pytest.raises(Again):
            read(port)
        with pytest.raises(UnknownOutcome):
            reply(port)


def test_conversation_of_another_id_is_not_taken() -> None:
    with against(says(200, CONVERSATION | {"id": "8"})) as (port, _), pytest.raises(Again):
        read(port)


def test_errors_say_what_to_do_and_nothing_secret() -> None:
    with (
        against(refuses(401, "unauthorized", "Access Token Invalid")) as (port, _),
        pytest.raises(Never, match="access_token") as caught,
    ):
        reply(port)
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told
    assert TOKEN not in repr(caught.value.details)
    with (
        against(refuses(403, "forbidden")) as (port, _),
        pytest.raises(Never, match="Developer Hub"),
    ):
        reply(port)


# -- when no answer comes


def test_nobody_listens_is_again_since_nothing_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with opened(url) as port:
        for asking in (read, reply):
            with pytest.raises(Again):
                asking(port)


def test_unknown_host_is_again() -> None:
    with opened("http://intercom.invalid") as port, pytest.raises(Again):
        reply(port)


def test_dropped_connection() -> None:
    with against(hangs_up) as (port, server):
        with pytest.raises(Again):
            read(port)
        with pytest.raises(UnknownOutcome):
            reply(port)
        assert len(server.asked) == 2


def test_connection_dropped_in_the_middle_of_an_answer() -> None:
    def half(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"id": "7"')
        connection.shutdown(socket.SHUT_RDWR)

    with against(half) as (port, _):
        with pytest.raises(Again):
            read(port)
        with pytest.raises(UnknownOutcome):
            reply(port)


def test_no_time_left_sends_nothing() -> None:
    with against(says(200, CONVERSATION)) as (port, server):
        for deadline in (0.0, -1.0):
            with pytest.raises(Again):
                reply(port, deadline)
    assert server.asked == []


_ANSWER = json.dumps(CONVERSATION).encode()
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_SLOW: dict[str, Behaviour] = {
    "silent": is_silent,
    "drips headers": drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", 0.05),
    "drips its body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + _ANSWER, 0.02),
    "drips chunks": drips(_CHUNKED + b"1\r\n{\r\n" * 999, 0.02),
    "drips 100 Continue": drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 999, 0.01),
}


@pytest.mark.parametrize("behaviour", _SLOW.values(), ids=_SLOW.keys())
@pytest.mark.parametrize(("asking", "expected"), [(read, Again), (reply, UnknownOutcome)])
def test_deadline_is_for_the_whole_call(
    behaviour: Behaviour, asking: Asking, expected: type[GatewayError]
) -> None:
    with against(behaviour) as (port, _):
        begun = time.monotonic()
        with pytest.raises(expected):
            asking(port, 0.6)
        assert 0.5 <= time.monotonic() - begun < 1.0


def test_server_that_does_not_take_the_request_in_time() -> None:
    """A body larger than the buffers, and a server that never reads it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []
        threading.Thread(target=lambda: held.append(listener.accept()[0]), daemon=True).start()
        with opened(f"http://127.0.0.1:{listener.getsockname()[1]}") as port:
            begun = time.monotonic()
            with pytest.raises(UnknownOutcome):
                port.reply("7", admin="55", html="x" * 30_000_000, deadline=3.0)
            assert time.monotonic() - begun < 30.0
        for connection in held:
            connection.close()


def test_call_after_a_late_one_is_not_given_the_late_answer() -> None:
    def late(connection: socket.socket) -> None:
        time.sleep(0.4)
        says(200, CONVERSATION | {"late": True})(connection)

    with against(late, says(200, CONVERSATION | {"late": False})) as (port, _):
        with pytest.raises(Again):
            read(port, 0.2)
        time.sleep(0.4)
        assert read(port) == CONVERSATION | {"late": False}


def test_connections_are_used_again_and_shared_between_threads() -> None:
    with against(says(200, CONVERSATION)) as (port, server), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: read(port), range(80)))
    assert answers == [CONVERSATION] * 80
    assert len(server.asked) == 80


# -- the rate limit


def test_used_up_window_is_waited_for_before_anything_is_sent() -> None:
    rate = {"x_ratelimit_limit": 3, "x_ratelimit_remaining": 0}
    answer = says(200, CONVERSATION, x_ratelimit_reset=int(time.time()) + 8, **rate)
    with against(answer) as (port, server):
        read(port)
        for asking in (read, reply):
            with pytest.raises(Again) as caught:
                asking(port)
            assert caught.value.after_s is not None
            assert 6 < caught.value.after_s <= 8
    assert len(server.asked) == 1


def test_window_ends_by_intercoms_clock_not_by_ours() -> None:
    behind = "Tue, 14 Nov 2023 22:13:20 GMT"  # 1_700_000_000
    answer = says(
        200, CONVERSATION, date=behind, x_ratelimit_remaining=0, x_ratelimit_reset=1_700_000_001
    )
    with against(answer) as (port, server):
        read(port)
        with pytest.raises(Again) as caught:
            read(port)
        assert caught.value.after_s is not None
        assert 0 < caught.value.after_s <= 1
        time.sleep(1.05)
        read(port)
        assert len(server.asked) == 2
        assert port.clock_skew_s is not None
        assert port.clock_skew_s > 1_000_000


def test_calls_under_way_count_before_their_answers_come() -> None:
    reset = int(time.time()) + 30
    # Every answer claims that five remain, as if none knew of the others.
    answer = says(200, CONVERSATION, x_ratelimit_remaining=5, x_ratelimit_reset=reset)
    with against(answer) as (port, server):
        read(port)
        for _ in range(5):
            read(port)
        with pytest.raises(Again):
            read(port)
    assert len(server.asked) == 6


@pytest.mark.parametrize("told", [{"x_ratelimit_remaining": 0}, {}])
def test_429_closes_the_window_for_every_thread(told: dict[str, Any]) -> None:
    reset = int(time.time()) + 8
    refusal = refuses(429, "rate_limit_exceeded", x_ratelimit_reset=reset, **told)
    with against(refusal) as (port, server):
        with pytest.raises(Again) as first:
            reply(port)
        with pytest.raises(Again) as second:
            read(port)
    for caught in (first, second):
        assert caught.value.after_s is not None
        assert 6 < caught.value.after_s <= 8
    assert len(server.asked) == 1


def test_429_with_room_in_the_window_is_about_that_call_only() -> None:
    told = {"x_ratelimit_remaining": 5, "x_ratelimit_reset": int(time.time()) + 8}
    refusal = refuses(429, "too_many_requests", **told)  # type: ignore[arg-type]
    with against(refusal, says(200, CONVERSATION)) as (port, _):
        with pytest.raises(Again):
            reply(port)
        assert read(port) == CONVERSATION


@pytest.mark.parametrize(
    ("headers", "after_s"),
    [
        ({}, 10),
        ({"retry_after": 3}, 3),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10),
        ({"x_ratelimit_reset": "soon"}, 10),
        ({"x_ratelimit_reset": 1}, 1),
        ({"x_ratelimit_reset": 99_999_999_999}, 60),
    ],
)
def test_429_says_when_to_come_back(headers: dict[str, Any], after_s: float) -> None:
    refusal = refuses(429, "rate_limit_exceeded", **headers)
    with against(refusal) as (port, _), pytest.raises(Again) as caught:
        read(port)
    assert caught.value.after_s == after_s


def test_words_to_customers_are_not_held_up_by_what_is_kept_for_them() -> None:
    reset = int(time.time()) + 8
    few = says(
        200, CONVERSATION, x_ratelimit_limit=100, x_ratelimit_remaining=20, x_ratelimit_reset=reset
    )
    with against(few) as (port, server):
        read(port)
        for in_background in (
            port.me,
            port.admins,
            port.teams,
            lambda: port.contact("5f7f0d217289f8d2f4262080"),
            lambda: port.search_conversations(updated_since=1),
            lambda: port.conversation("7", background=True),
        ):
            with pytest.raises(Again) as caught:
                in_background()
            assert caught.value.after_s is not None
            assert 6 < caught.value.after_s <= 8
        for urgent in (
            lambda: port.conversation("7"),
            lambda: port.reply("7", admin="55", html="x"),
            lambda: port.note("7", admin="55", html="x"),
            lambda: port.assign("7", admin="55", kind="team", assignee="9"),
            lambda: port.close("7", admin="55"),
        ):
            urgent()
    assert len(server.asked) == 6


# -- contacts


def update_contact(port: IntercomPort, deadline: float = 5.0) -> object:
    return port.update_contact("c1", {"email": "a@b.test", "phone": None}, deadline=deadline)


def test_a_contact_is_written_with_what_was_given_and_nothing_else() -> None:
    with against(says(200, {"type": "contact", "id": "c1"})) as (port, server):
        update_contact(port)
        port.conversations_of("c1")
    put, search = server.asked
    assert (put.method, put.path) == ("PUT", "/contacts/c1")
    assert put.json == {"email": "a@b.test", "phone": None}
    assert search.json["query"] == {"field": "contact_ids", "operator": "=", "value": "c1"}


@pytest.mark.parametrize(
    ("status", "headers", "error", "moved_to"),
    [
        (404, {}, NotFound, None),
        (410, {"Link": '</contacts/c2>; rel="canonical"'}, NotFound, "c2"),
        (410, {"Link": '</contacts/../admins>; rel="canonical"'}, NotFound, None),
        (409, {}, Never, None),
        (400, {}, Never, None),
        (500, {}, UnknownOutcome, None),
    ],
)
def test_what_a_contact_that_is_not_there_or_not_free_answers(
    status: int, headers: dict[str, str], error: type[GatewayError], moved_to: str | None
) -> None:
    body = {"type": "error.list", "errors": [{"code": "conflict", "message": "No."}]}
    with against(says(status, body, **headers)) as (port, _), pytest.raises(error) as caught:
        update_contact(port)
    assert type(caught.value) is error
    assert caught.value.details.get("moved_to") == moved_to


def test_what_is_spelled_without_the_sdk_is_spelled_alike() -> None:
    """Under an address with a path, too: a proxy of a company's own."""
    with stub(says(200, CONVERSATION)) as server, opened(f"{server.url}/intercom/") as port:
        reply(port)
        port.note("7", admin="55", html="<p>Hello</p>")
        read(port)
        port.contact("5f7f0d217289f8d2f4262080")
    ours, sdks, read_here, read_there = server.asked
    assert (ours.method, ours.path) == (sdks.method, sdks.path)
    assert ours.path == "/intercom/conversations/7/reply"
    assert read_here.path == "/intercom/conversations/7"
    assert ours.json == {**sdks.json, "message_type": "comment"}
    for mine, theirs in ((ours, sdks), (read_here, read_there)):
        said = {name: value for name, value in theirs.headers.items() if "x-fern" not in name}
        said["content-length"] = mine.headers.get("content-length", "")
        assert {"content-length": "", **mine.headers} == said
