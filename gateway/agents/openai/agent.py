"""Asks a model behind a chat endpoint: the turn as a talk, its tool calls as what to do."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gateway.agents.bounds import MAX_TEXT, cut
from gateway.agents.deadline import within
from gateway.agents.openai.completion import Completion, read_completion, why_refused
from gateway.agents.openai.prompt import chat_messages, spoken
from gateway.agents.openai.tools import Allowed, Deeds, tools_for
from gateway.agents.post import Post
from gateway.errors import Again, ConfigError, Never, Unreadable
from gateway.events import Answer, Turn
from gateway.policy import AgentTerms

if TYPE_CHECKING:
    from gateway.agents.openai.client import ChatClient

# So often a model is asked within one turn; in the last round it is given no more tools to call.
MOST_ROUNDS = 6

# 409: what OpenAI's own client tries again, too.
_PASSING = frozenset({408, 409, 425, 429})


class OpenAIAgent:
    """A model at a chat endpoint in OpenAI's form. Threads may share one.

    No error names more of the address than its host, or repeats what an endpoint says.
    """

    def __init__(
        self,
        terms: AgentTerms,
        *,
        model: str,
        base_url: str,
        api_key: str = "",
        instructions: str = "",
        temperature: float | None = None,
        max_history_bytes: int = 32_000,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Open nothing; raise ConfigError for an address or key that can never work.

        `terms.timeout_s` bounds a whole turn, all its rounds together. `options` are more fields
        of each request.
        """
        if find_spec("openai") is None:
            raise ConfigError(
                [
                    f'[agents.{terms.name}] kind: "openai" needs one more package; install it: '
                    "pip install 'channel-gateway[openai]'"
                ]
            )
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            problem = f"[agents.{terms.name}] api_key: must be without spaces and line ends"
            raise ConfigError([problem])
        self._terms = terms
        self._model = model
        self._api_key = api_key
        self._instructions = instructions
        self._max_history_bytes = max_history_bytes
        self._fields: dict[str, Any] = dict(options or {})
        if temperature is not None:
            self._fields["temperature"] = temperature
        self._post = Post(
            f"{base_url}/chat/completions",
            setting="base_url",
            timeout_s=terms.timeout_s,
            passing=_PASSING,
            why=why_refused,
        )
        self._client: ChatClient | None = None
        self._opening = threading.Lock()

    def ask(self, turn: Turn) -> Answer:
        """Ask the model until it has said or done something.

        Raises Again (with `details["timeout"]` if time ran out, with `after_s` if the endpoint gave
        one) or Never, both with `details["status"]` if there was one.
        """
        client = self._open()
        with within(self._terms.timeout_s):
            try:
                return self._ask(client, turn)
            except Unreadable as error:
                raise Again(f"the AI agent at {self._post.host}: {error.message}") from error

    def read_reply(self, headers: dict[str, str], body: bytes) -> Answer:
        """Raise Unreadable: this agent never answers later."""
        raise Unreadable("an agent of this kind answers at once and never at a reply address")

    def close(self) -> None:
        """Close the connections that are kept between turns; a later turn opens new ones."""
        self._post.close()

    def _open(self) -> ChatClient:
        with self._opening:
            if self._client is None:
                # Workers only: a web process never asks.
                from gateway.agents.openai.client import ChatClient

                self._client = ChatClient(self._post, api_key=self._api_key)
            return self._client

    def _ask(self, client: ChatClient, turn: Turn) -> Answer:
        allowed = Allowed.by(self._terms, turn)
        deeds = Deeds(allowed=allowed)
        mark = f"[gateway {secrets.token_hex(6)}]"
        messages = chat_messages(
            self._terms,
            turn,
            allowed,
            instructions=self._instructions,
            most_bytes=self._max_history_bytes,
            mark=mark,
        )
        tools = tools_for(allowed)
        words: list[str] = []
        for number in range(1, MOST_ROUNDS + 1):
            request = {"model": self._model, "messages": messages, **self._fields, "tools": tools}
            if number == MOST_ROUNDS:
                request["tool_choice"] = "none"
            completion = self._complete(client, request)
            words.append(_whole(spoken(completion.text, mark), completion))
            if completion.refused:
                deeds.helpful = False
            told = [deeds.do(call) for call in completion.calls]
            if deeds.is_over or not completion.calls:
                break
            messages.append(_echo(completion))
            messages += [
                {"role": "tool", "tool_call_id": call.id, "content": text}
                for call, text in zip(completion.calls, told, strict=True)
            ]
        words.append(cut(spoken(deeds.last_words, mark), MAX_TEXT))
        return self._answer(deeds, words)

    def _complete(self, client: ChatClient, request: Mapping[str, Any]) -> Completion:
        completion = read_completion(client.complete(request))
        if completion.filtered:
            raise Never(f"the AI agent at {self._post.host} filtered its own answer")
        return completion

    def _answer(self, deeds: Deeds, words: list[str]) -> Answer:
        said = tuple(dict.fromkeys(text for text in words if text))
        if not said and not deeds.is_over:
            raise Again(f"the AI agent at {self._post.host} answered nothing")
        return Answer(
            messages=said,
            results=deeds.results,
            handover=deeds.handover,
            finish=deeds.finish and deeds.handover is None,
            helpful=deeds.helpful,
        )


def _whole(text: str, completion: Completion) -> str:
    """The words; those that end at a limit of tokens say so."""
    return cut(f"{text} …" if text and completion.cut else text, MAX_TEXT)


def _echo(completion: Completion) -> dict[str, Any]:
    """What the model said, as the next request repeats it."""
    return {
        "role": "assistant",
        "content": completion.text,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _spelled(call.arguments)},
            }
            for call in completion.calls
        ],
    }


def _spelled(arguments: Mapping[str, Any] | None) -> str:
    """An endpoint reads its own words again, and refuses what is no JSON."""
    try:
        return json.dumps(arguments or {}, allow_nan=False)
    except ValueError:
        return "{}"
