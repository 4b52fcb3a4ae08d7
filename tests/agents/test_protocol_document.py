"""docs/ai-agent-protocol.md: its examples run, its numbers are the code's."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, request

from gateway.agents import bounds
from gateway.agents.http import HttpAgent, answer, question
from gateway.errors import Never, NotAuthentic
from gateway.events import Answer, Attachment, HandoverRequest, TurnMessage
from gateway.rules import HandoverRule
from tests.agents.servers import wsgi_server
from tests.agents.turns import asked, said, turn

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ai-agent-protocol.md").read_text(encoding="utf-8")
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"not-the-key-but-24-bytes").decode()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def run(code: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("AGENT_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "agent"}
    exec(compile(code, "ai-agent-protocol.md", "exec"), names)
    return names


def asking(url: str, secret: str = SECRET) -> HttpAgent:
    return HttpAgent(f"{url}/turn", secret, public_url="https://gw.example.org")


def test_the_example_agent_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with wsgi_server(run(blocks("python")[0], monkeypatch)["app"]) as url:
        gateway = asking(url)
        assert gateway.ask(asked("Hi 🙂")) == Answer(
            messages=("Hello Maeve, you wrote: hi 🙂",), results={"topic": "echo"}
        )
        assert gateway.ask(asked("A HUMAN", contact=None)) == Answer(
            messages=("Of course.",),
            handover=HandoverRequest(
                trigger="customer_request",
                reason="The customer asked for a person.",
                summary="there wrote: a human",
            ),
        )
        returned = turn(said(1, "operator", "Done"), said(2, "customer", "ok"), cause="returned")
        assert "Welcome back" in gateway.ask(returned).messages[0]  # type: ignore[union-attr]
        gateway.close()


def test_the_example_agent_checks_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    with wsgi_server(run(blocks("python")[0], monkeypatch)["app"]) as url:
        with pytest.raises(Never, match="401"):
            asking(url, OTHER_SECRET).ask(asked("Hi"))
        assert requests.post(f"{url}/turn", json={}, timeout=10).status_code == 401


def test_the_example_of_a_late_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = run(blocks("python")[1], monkeypatch)["reply"]
    door = Flask("gateway")
    taken: list[Answer] = []

    @door.post("/api/v1/turns/<turn_id>/reply")
    def take(turn_id: str) -> Any:
        try:
            headers = dict(request.headers)
            taken.append(asking("https://x.invalid").read_reply(headers, request.get_data()))
        except NotAuthentic:
            return {}, 401
        # Once it is recorded, the response is lost: the agent has to say it again.
        return {}, 503 if len(taken) == 1 else 200

    with wsgi_server(door) as url:
        address = f"{url}/api/v1/turns/trn_1/reply"
        text = {"messages": [{"text": "Found it 🙂"}]}
        assert reply({"turn_id": "trn_1", "reply_url": address}, text) == 200
    assert taken == [Answer(messages=("Found it 🙂",))] * 2


def paths(data: Any, where: str = "") -> set[str]:
    """Every key in a JSON value, with the keys above it."""
    if isinstance(data, dict):
        found: set[str] = set()
        for key, inner in data.items():
            found |= {f"{where}{key}"} | paths(inner, f"{where}{key}.")
        return found
    if isinstance(data, list):
        return set().union(*(paths(inner, where) for inner in data))
    return set()


def test_the_requests_example_is_what_is_sent() -> None:
    message: TurnMessage = said(1, "customer", "x", attachments=[Attachment(url="https://f/")])
    body = question.turn_to_json(
        turn(message, parameters={"order_number": ""}, results={"topic": ""}),
        reply_url="",
        allow_handover=True,
        allow_customer_request=True,
        conditions="",
        rules=[
            HandoverRule(phrases=("x",), reason="x"),
            HandoverRule(result="x", above=1.0),
        ],
    )
    assert paths(json.loads(blocks("json")[0])) == paths(json.loads(body))


def test_the_answers_example_is_what_is_read() -> None:
    example = blocks("json")[1]
    assert answer.read_answer(example.encode()).results == {"topic": "order status"}
    assert set(json.loads(example)) == set(answer._AnswerSchema().fields)


@pytest.mark.parametrize(
    "number",
    [
        f"{bounds.MAX_BODY_BYTES:,} bytes",
        f"| messages | {bounds.MAX_MESSAGES} |",
        f"{bounds.MAX_TEXT:,} characters",
        f"{bounds.MAX_FINDINGS_BYTES // 1024} kB of JSON each, {bounds.MAX_DEPTH} levels",
        f"{bounds.MAX_REASON:,} and {bounds.MAX_SUMMARY:,} characters",
        f"the newest {question.MAX_MESSAGES},",
        f"fit into {question.MAX_MESSAGES_BYTES // 1024} kB",
        f"up to {bounds.MAX_RETRY_AFTER_S:g} s",
    ],
)
def test_the_limits_are_the_codes(number: str) -> None:
    assert number in DOCUMENT
