"""Envelopes: what is read of a notification before anything else, and what is refused."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.base import Envelope
from gateway.channels.intercom.notification import read_envelope
from gateway.errors import Unreadable
from gateway.events import Delivery
from tests.channels.intercom.contract import RECEIVER

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def envelope(**fields: Any) -> Envelope:
    return read_envelope(json.dumps({"topic": "conversation.read", **fields}).encode())


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "not JSON"),
        (b"topic=ping", "not JSON"),
        (b'{"topic":"ping"', "not JSON"),
        (b'{"topic":"ping"} x', "not JSON"),
        (b'{"topic":"ping","n":NaN}', "not JSON"),
        (b'{"topic":"\xff"}', "not UTF-8"),
        (b'{"topic":"ping","n":"\\ud83d","m":"\xff"}', "not UTF-8"),
        (b'{"topic":"ping","n":"\\ud83d","m":NaN}', "not JSON"),
        (b'{"topic":"ping","n":"\\ud83d"', "not JSON"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'["\\ud83d",' + b"[" * 100_000, "nested too deeply"),
        (b"[]", "not a JSON object"),
        (b'"ping"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "topic is missing"),
        (b'{"topic":null}', "topic is missing"),
        (b'{"topic":1}', "topic is a int"),
        (b'{"topic":""}', "topic is not a name"),
        (b'{"topic":"a\\u0000b"}', "topic is not a name"),
        (b'{"topic":"' + b"a" * 101 + b'"}', "topic is not a name"),
        (b'{"topic":"ping","id":[]}', "id is a list"),
        (b'{"topic":"ping","id":true}', "id is a bool"),
        (b'{"topic":"ping","id":1.5}', "id is a float"),
        (b'{"topic":"ping","id":"' + b"a" * 129 + b'"}', "id is not an id"),
        (b'{"topic":"ping","id":"a\\u0000"}', "id is not an id"),
        (b'{"topic":"ping","app_id":{}}', "app_id is a dict"),
        (b'{"topic":"ping","app_id":99999999999999999999}', "app_id is out of range"),
    ],
)
def test_what_is_not_a_notification_is_refused_by_name(body: bytes, what: str) -> None:
    with pytest.raises(Unreadable, match=what):
        read_envelope(body)


def test_ping_has_no_id() -> None:
    ping = read_envelope(b'{"topic":"ping","id":null,"app_id":"abc","data":{"item":{}}}')
    assert (ping.id, ping.installation, ping.conversation) == (None, "abc", None)
    assert RECEIVER.translate(ping) == Delivery(
        installation="abc", id=None, topic="ping", events=()
    )


def test_ids_are_strings() -> None:
    read = envelope(id=17, app_id=4, data={"item": {"type": "conversation", "id": 123}})
    assert (read.id, read.installation, read.conversation) == ("17", "4", "123")


@pytest.mark.parametrize(
    ("item", "conversation"),
    [
        ({"type": "conversation", "id": "5"}, "5"),
        ({"type": "conversation", "conversation_id": "5"}, "5"),
        ({"conversation": {"model": {"id": 5}}}, "5"),
        ({"conversation": {"id": "5"}}, "5"),
        ({"conversation_id": 5}, "5"),
        ({"type": "conversation", "id": "5\x00"}, None),
        ({"type": "conversation", "id": ["5"]}, None),
        ({"conversation": {"model": []}}, None),
        ({}, None),
        ([], None),
        ("5", None),
    ],
)
def test_the_conversation_is_told_from_every_shape(item: Any, conversation: str | None) -> None:
    assert envelope(data={"item": item}).conversation == conversation


def test_a_ticket_names_no_conversation() -> None:
    item = {"type": "ticket", "id": "5", "conversation_id": "6"}
    assert envelope(topic="ticket.created", data={"item": item}).conversation is None


def test_half_an_emoji_does_not_lose_the_message() -> None:
    body = (
        rb'{"topic":"conversation.user.replied","data":{"item":{"type":"conversation","id":"1",'
        rb'"conversation_parts":{"conversation_parts":[{"id":"2","part_type":"comment",'
        rb'"created_at":1,"author":{"type":"user","id":"u"},"body":"<p>Broken \ud83d</p>"}]}}}}'
    )
    said, by = RECEIVER.translate(read_envelope(body)).events
    assert getattr(said, "text", None) == "Broken �"
    assert by.id == "u"


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(Unreadable):
        assert isinstance(read_envelope(body), Envelope)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "topic": st.sampled_from(
                ["conversation.user.replied", "conversation.deleted", "contact.merged", "ping"]
            )
            | JSON,
            "id": JSON,
            "app_id": JSON,
            "created_at": JSON,
            "data": st.fixed_dictionaries({}, optional={"item": JSON}) | JSON,
        },
    )
)
def test_any_json_is_read_or_refused(content: Any) -> None:
    with suppress(Unreadable):
        assert isinstance(RECEIVER.translate(read_envelope(json.dumps(content).encode())), Delivery)
