"""What becomes of a turn that is posted to an agent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.agents.base import AIAgent
from gateway.clock import MovableClock
from gateway.errors import Again, Never
from gateway.events import Actor, Answer, Attachment, HandoverRequest, Later
from gateway.rules import HandoverRule
from tests.agents.http_agent import ANSWER, HELLO, OTHER_SECRET, SECRET, URL, agent, ask
from tests.agents.servers import answering, raw_server, response_of
from tests.agents.turns import NOON, asked, said, turn


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
        origin="dlv_1",
    )
    asking: AIAgent = agent(
        handover_conditions="When upset.",
        handover_rules=[
            HandoverRule(phrases=("a human",), reason="Asked."),
            HandoverRule(unhelpful_turns=3),
            HandoverRule(result="refund", above=500.0),
            HandoverRule(parameter="vip", equals=False),
        ],
    )

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
            "rules": [
                {"phrases": ["a human"], "reason": "Asked."},
                {"unhelpful_turns": 3},
                {"result": "refund", "above": 500.0},
                {"parameter": "vip", "equals": False},
            ],
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
        "origin": "dlv_1",
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
            "helpful": False,
            "version": 7,
        },
    )
    assert ask(URL) == Answer(
        messages=("One", "Two"),
        parameters={"order": "FL-1"},
        results={"scores": [1, 2.5, None, True]},
        handover=HandoverRequest(trigger="automatic", reason="Refund", summary="640 EUR"),
        helpful=False,
    )


@pytest.mark.parametrize(
    "body",
    [{}, {"messages": []}, {"messages": None, "handover": None, "finish": None, "helpful": None}],
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
