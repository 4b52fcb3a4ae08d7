"""A chat endpoint in OpenAI's form, over real HTTP: answers as told, keeps what it heard."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, request

from gateway.agents.openai import OpenAIAgent
from gateway.policy import AgentTerms
from tests.agents.servers import wsgi_server

KEY = "sk-very-secret-key"


def call(tool: str, /, **arguments: Any) -> dict[str, Any]:
    """A call of a tool, as a model makes it."""
    return raw_call(tool, json.dumps(arguments))


def raw_call(tool: str, arguments: Any) -> dict[str, Any]:
    """The same, with arguments that may be anything."""
    return {"id": f"call_{tool}", "type": "function",
            "function": {"name": tool, "arguments": arguments}}  # fmt: skip


def completion(text: Any = None, *calls: Any, why: str = "stop", **more: Any) -> dict[str, Any]:
    """A whole answer."""
    message = {"role": "assistant", "content": text, **more}
    if calls:
        message["tool_calls"] = list(calls)
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": why}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip


@dataclass
class Endpoint:
    """What was asked, and what is to be answered: the last answer again and again."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    def answer(self) -> Response:
        question = request.get_json()
        self.asked.append(question)
        self.headers.append(dict(request.headers))
        self.paths.append(request.full_path)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(found) and not isinstance(found, Response):
            found = found(question)  # not the last one: others may be asking
        if isinstance(found, Response):
            return found
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        return Response(body, content_type="application/json")

    def agent(self, *, terms: Mapping[str, Any] | None = None, **more: Any) -> OpenAIAgent:
        """An agent that asks here."""
        settings = {"base_url": self.url, "model": "m", "api_key": KEY, **more}
        return OpenAIAgent(AgentTerms(**{"name": "support", "timeout_s": 10.0, **(terms or {})}),
                           **settings)  # fmt: skip

    @property
    def system(self) -> str:
        """The last system prompt."""
        first = self.asked[-1]["messages"][0]
        assert first["role"] == "system"
        return str(first["content"])

    @property
    def talk(self) -> list[tuple[str, str]]:
        """The last request's messages after the system prompt."""
        return [(m["role"], m["content"]) for m in self.asked[-1]["messages"][1:]]

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The last request's tools by name."""
        return {tool["function"]["name"]: tool["function"] for tool in self.asked[-1]["tools"]}


def refusal(status: int, error: Any = None, **headers: str) -> Response:
    """A refusal as endpoints write it."""
    body = json.dumps({"error": error}) if error is not None else "the-body"
    return Response(body, status=status, headers=headers)


def slowly(body: bytes, seconds: float) -> Callable[[Any], Response]:
    """Answer byte by byte, for so long."""

    def drip(_: Any) -> Response:
        def parts() -> Iterator[bytes]:
            for byte in body:
                time.sleep(seconds / len(body))
                yield bytes([byte])

        return Response(parts(), content_type="application/json")

    return drip


@contextmanager
def chat_endpoint(*answers: Any) -> Iterator[Endpoint]:
    """Serve an endpoint under `/v1`."""
    endpoint = Endpoint(answers=list(answers) or [completion("Hello!")])
    app = Flask("endpoint")
    app.add_url_rule("/v1/chat/completions", view_func=endpoint.answer, methods=["POST"])
    with wsgi_server(app) as url:
        endpoint.url = f"{url}/v1"
        yield endpoint
