"""Reads what a chat endpoint answers: words, and the tools that the model calls."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.agents.bounds import storable
from gateway.errors import Unreadable

# Models that think aloud do so before their words, and some servers pass it on.
_THOUGHTS = re.compile(r"\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool that the model calls. `arguments` is None if they are no JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer. `refused`: the words are the model's refusal. `filtered`: the endpoint's filter.

    `cut`: it ended at the limit of tokens.
    """

    text: str = ""
    calls: Sequence[Call] = ()
    refused: bool = False
    filtered: bool = False
    cut: bool = False


class _Function(msgspec.Struct):
    name: str
    # Some servers answer with the object itself.
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Part(msgspec.Struct):
    text: Any = None
    type: Any = None


class _Message(msgspec.Struct):
    content: str | list[_Part | str] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]


# msgspec learns a shape when it is first used, and the process dies if two threads do that at once
# (0.22). While a module is imported there is only one.
msgspec.json.Decoder(_Answer)


def read_completion(body: bytes) -> Completion:
    """Read an answer; raise Unreadable, which quotes nothing of it."""
    try:
        # Not msgspec's own parser: it refuses half a surrogate pair, a model's cut emoji.
        answer = msgspec.convert(json.loads(body), _Answer)
    except (ValueError, RecursionError):
        # `from None`: the parser's error may quote the body.
        raise Unreadable("the answer is not a chat completion") from None
    if not answer.choices:
        raise Unreadable("the answer has no choices")
    choice = answer.choices[0]
    message = choice.message
    words = storable(_THOUGHTS.sub("", _text(message.content), count=1)).strip()
    refusal = storable(message.refusal or "").strip()
    return Completion(
        text=words or refusal,
        calls=[
            _read_call(call, number)
            for number, call in enumerate(message.tool_calls or (), start=1)
        ],
        refused=bool(refusal) and not words,
        filtered=choice.finish_reason == "content_filter",
        cut=choice.finish_reason == "length",
    )


def why_refused(body: bytes) -> str:
    """Return the code out of a refusal's body, if it is one; never its words, which quote ours."""
    try:
        error = msgspec.json.decode(body)["error"]
        codes = [error.get("code"), error.get("type")]
    except (msgspec.DecodeError, ValueError, TypeError, LookupError, AttributeError):
        return ""
    for code in codes:
        if isinstance(code, str) and _CODE.fullmatch(code):
            return f" ({code})"
    return ""


def _text(content: str | list[_Part | str] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    parts = [part if isinstance(part, str) else part.text for part in content]
    return "".join(part for part in parts if isinstance(part, str))


def _read_call(call: _Call, number: int) -> Call:
    arguments: Any = call.function.arguments
    if not isinstance(arguments, dict):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            arguments = None
    return Call(
        id=storable(call.id or "") or f"call_{number}",
        name=storable(call.function.name),
        arguments=arguments if isinstance(arguments, dict) else None,
    )
