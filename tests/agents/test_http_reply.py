"""What comes to a turn's reply address: whether it is the agent's, and what it says."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.agents.http import HttpAgent
from gateway.agents.http.question import turn_to_json
from gateway.errors import NotAuthentic, Oversized, Unreadable
from gateway.events import Answer, HandoverRequest
from tests.agents.turns import asked

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
NEW_SECRET = "whsec_" + base64.b64encode(b"the-next-key-of-24-bytes").decode()
FOREIGN = "whsec_" + base64.b64encode(b"not-the-key-but-24-bytes").decode()
BODY = b'{"messages": [{"text": "Found it \xf0\x9f\x99\x82"}]}'

AGENT = HttpAgent(
    "https://ai.example.org/turn", [SECRET, NEW_SECRET], public_url="https://gw.example.org"
)


def signed(body: bytes, secret: str = SECRET, *, age_s: float = 0) -> dict[str, str]:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    return {
        "Webhook-Id": "trn_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("trn_1", at, body.decode()),
    }


@pytest.mark.parametrize("secret", [SECRET, NEW_SECRET])
def test_an_authentic_reply_is_read(secret: str) -> None:
    answer = AGENT.read_reply(signed(BODY, secret), BODY)
    assert answer == Answer(messages=("Found it 🙂",))


def test_our_own_signature_is_good() -> None:
    headers = AGENT._signatures.headers("trn_1", datetime.now(UTC), BODY)
    assert AGENT.read_reply(headers, BODY).messages


@pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_all_three_headers_are_needed(name: str) -> None:
    headers = signed(BODY)
    del headers[name]
    with pytest.raises(NotAuthentic, match="Missing required headers"):
        AGENT.read_reply(headers, BODY)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Webhook-Id": "trn_2"}, "No matching signature"),
        ({"Webhook-Signature": "v1,AAAA"}, "No matching signature"),
        ({"Webhook-Signature": "v2,AAAA"}, "No matching signature"),
        ({"Webhook-Signature": "no comma"}, "Invalid"),
        ({"Webhook-Signature": "v1,é"}, "Invalid"),
        ({"Webhook-Signature": "v1,a"}, "Invalid"),
        ({"Webhook-Timestamp": "now"}, "Invalid"),
        ({"Webhook-Timestamp": "inf"}, "Invalid"),
    ],
)
def test_forged_headers(change: dict[str, str], says: str) -> None:
    with pytest.raises(NotAuthentic, match=says):
        AGENT.read_reply(signed(BODY) | change, BODY)


@pytest.mark.parametrize(("age_s", "says"), [(301, "too old"), (-310, "too new")])
def test_old_signatures_mean_nothing(age_s: float, says: str) -> None:
    with pytest.raises(NotAuthentic, match=says):
        AGENT.read_reply(signed(BODY, age_s=age_s), BODY)


@pytest.mark.parametrize("body", [b"", BODY + b" ", b"\xff\xfe"])
def test_another_body(body: bytes) -> None:
    with pytest.raises(NotAuthentic):
        AGENT.read_reply(signed(BODY), body)


def test_a_foreign_secret() -> None:
    with pytest.raises(NotAuthentic):
        AGENT.read_reply(signed(BODY, FOREIGN), BODY)


def test_our_own_question_sent_back_is_no_answer() -> None:
    question = turn_to_json(
        asked("Hi"), reply_url="", allow_handover=True, allow_customer_request=True, conditions=""
    )
    with pytest.raises(Unreadable, match=r"handover\.trigger"):
        AGENT.read_reply(signed(question), question)


def read(data: Any) -> Answer:
    body = json.dumps(data).encode()
    return AGENT.read_reply(signed(body), body)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], "Invalid input type"),
        ("x", "Invalid input type"),
        ({"messages": "x"}, "messages: "),
        ({"messages": ["x"]}, r"messages\[0\]: "),
        ({"messages": [{}]}, r"messages\[0\]\.text: "),
        ({"messages": [{"text": None}]}, r"messages\[0\]\.text: "),
        ({"messages": [{"text": "x"}, {"text": "x" * 20_001}]}, r"messages\[1\]\.text: Longer"),
        ({"messages": [{"text": "x"}] * 21}, "messages: "),
        ({"parameters": []}, "parameters: Not an object"),
        ({"parameters": {"a": "x" * 65_536}}, "parameters: Larger"),
        ({"results": {"a": 2**63}}, "results: Holds a whole number"),
        ({"handover": {}}, r"handover\.trigger: "),
        ({"handover": False}, "handover: "),
        ({"handover": {"trigger": "manual"}}, r"handover\.trigger: "),
        ({"handover": {"trigger": "automatic", "reason": 3}}, r"handover\.reason: "),
        ({"finish": 1}, "finish: "),
        ({"finish": "true"}, "finish: "),
    ],
)
def test_unreadable_replies_name_the_field(data: Any, field: str) -> None:
    with pytest.raises(Unreadable, match=field) as raised:
        read(data)
    assert "x" * 9 not in raised.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"results": {"a": NaN}}',
        b'{"results": {"a": 1' + b"0" * 5000 + b"}}",
        b"[" * 100_000,
        b'{"results": ' + b'{"a":' * 30 + b"1" + b"}" * 31,
        b'{"results": {"a": 1e999}}',
    ],
)
def test_replies_that_are_hardly_json(body: bytes) -> None:
    with pytest.raises(Unreadable):
        AGENT.read_reply(signed(body), body)


def test_a_reply_of_more_than_a_mebibyte() -> None:
    body = b'{"a": "' + b"x" * 1024 * 1024 + b'"}'
    with pytest.raises(Oversized):
        AGENT.read_reply(signed(body), body)


def test_what_no_database_keeps_is_taken_out() -> None:
    answer = read({"messages": [{"text": "a\0b\ud83dc"}], "results": {"k\0": ["\udc00"]}})
    assert answer.messages == ("ab�c",)
    assert answer.results == {"k": ["�"]}


def test_a_long_reason_never_stands_in_the_way_of_a_person() -> None:
    answer = read({"handover": {"trigger": "automatic", "reason": "r" * 5000, "summary": "s" * 10}})
    assert answer.handover == HandoverRequest(
        trigger="automatic", reason="r" * 999 + "…", summary="s" * 10
    )


def test_the_longest_text_that_is_taken() -> None:
    assert read({"messages": [{"text": "x" * 20_000}] * 20}).messages == ("x" * 20_000,) * 20


@given(
    headers=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "x"]),
        st.text(max_size=40) | st.just(str(int(datetime.now(UTC).timestamp()))),
    ),
    body=st.binary(max_size=200),
)
def test_nobody_gets_in(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(NotAuthentic):
        AGENT.read_reply(headers, body)


@given(st.text(max_size=300))
def test_any_authentic_text_is_an_answer_or_unreadable(text: str) -> None:
    body = text.encode("utf-8", "replace")
    try:
        assert isinstance(AGENT.read_reply(signed(body), body), Answer)
    except Unreadable:
        pass
