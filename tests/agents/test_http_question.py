"""How much of a long session a turn tells."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.http import newest
from gateway.agents.http.question import MAX_MESSAGES_BYTES, turn_to_json
from gateway.events import Attachment, TurnMessage
from tests.agents.turns import said, turn


def written(messages: list[TurnMessage]) -> bytes:
    body = turn_to_json(
        turn(*messages),
        reply_url="",
        allow_handover=True,
        allow_customer_request=True,
        conditions="",
    )
    return json.dumps(json.loads(body)["messages"], ensure_ascii=False).encode()


def test_a_short_session_is_told_whole() -> None:
    messages = [said(number, "customer", f"{number}") for number in range(200)]
    assert newest(messages) == messages


def test_the_newest_200_are_told_oldest_first() -> None:
    messages = [said(number, "customer", f"{number}") for number in range(450)]
    assert newest(messages) == messages[250:]


def test_the_newest_64_kilobytes_are_told() -> None:
    messages = [said(number, "customer", "é" * 5000) for number in range(20)]
    told = newest(messages)
    # Some 10 kB each in UTF-8, so six of them.
    assert told == messages[14:]


def test_a_small_old_message_does_not_slip_past_a_large_one() -> None:
    messages = [said(1, "customer", "old"), said(2, "ai", "x" * 66_000), said(3, "customer", "new")]
    assert newest(messages) == messages[2:]


def test_a_message_too_large_for_any_turn_is_told_in_part() -> None:
    huge = said(
        1,
        "customer",
        'Dear "shop"\n' * 100_000,
        new=True,
        attachments=[Attachment(url="https://files.example/" + "u" * 1000)] * 100,
    )
    (told,) = newest([said(0, "ai", "before"), huge])
    assert told.id == huge.id
    assert told.new
    assert told.text.startswith('Dear "shop"\n' * 1000)
    assert told.text.endswith(" […]")
    assert 0 < len(told.attachments) < 100
    assert len(written([huge])) <= MAX_MESSAGES_BYTES * 1.01


def test_nothing_is_told_of_nothing() -> None:
    assert newest([]) == []


@given(
    texts=st.lists(st.text(max_size=60) | st.sampled_from(["\x01" * 50, "é" * 300, '"' * 200])),
    count=st.integers(1, 12),
    size=st.integers(300, 4000),
)
def test_what_is_told_is_a_tail_within_its_bounds(texts: list[str], count: int, size: int) -> None:
    messages = [said(number, "customer", text) for number, text in enumerate(texts)]
    told = newest(messages, count=count, size=size)
    assert len(told) <= count
    assert bool(told) == bool(messages)
    assert [message.id for message in told] == [
        message.id for message in messages[len(messages) - len(told) :]
    ]
    tight = json.dumps(json.loads(written(told)), ensure_ascii=False, separators=(",", ":"))
    assert len(tight.encode()) <= size + len(told) + 1
    # It stops for a reason: the next older message would have been too much.
    if len(told) < min(count, len(messages)) and told == messages[-len(told) :]:
        more = messages[-len(told) - 1 :]
        tight = json.dumps(json.loads(written(more)), ensure_ascii=False, separators=(",", ":"))
        assert len(tight.encode()) > size
