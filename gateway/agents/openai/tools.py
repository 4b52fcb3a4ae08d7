"""The tools that a model is given, as far as this turn allows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.agents.bounds import (
    MAX_FINDINGS_BYTES,
    MAX_REASON,
    MAX_SUMMARY,
    cut,
    keepable,
    storable,
)
from gateway.agents.openai.completion import Call
from gateway.events import HandoverRequest, Turn
from gateway.policy import AgentTerms

_LONGEST_NAME = 100
_TEXT = {"type": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a model may do in a turn. A draft's session is with an operator already."""

    handover: bool
    customer_request: bool
    finish: bool
    # Worth saying only where the gateway counts it.
    no_help: bool

    @classmethod
    def by(cls, terms: AgentTerms, turn: Turn) -> Allowed:
        """What the configuration and the session's mode allow."""
        acts = turn.mode == "ai"
        return cls(
            handover=acts and terms.allow_handover,
            customer_request=acts and terms.allow_handover and terms.allow_customer_request,
            finish=acts,
            no_help=acts and any(rule.unhelpful_turns for rule in terms.handover_rules),
        )


def tools_for(allowed: Allowed) -> list[dict[str, Any]]:
    """The definitions, as a chat request has them."""
    tools = []
    if allowed.handover:
        triggers = ["automatic", *(["customer_request"] if allowed.customer_request else [])]
        asked = ", customer_request: the customer asked for a person"
        tools.append(
            _tool(
                "transfer_to_human",
                "Hand the conversation over to a human colleague. What you say in the same answer "
                "is said before it.",
                {
                    "trigger": {
                        "type": "string",
                        "enum": triggers,
                        "description": "automatic: you decided by your conditions"
                        + (asked if allowed.customer_request else ""),
                    },
                    "reason": {**_TEXT, "description": "Why, in one short line for a list"},
                    "summary": {
                        **_TEXT,
                        "description": "What the colleague should know: what is wanted, what was "
                        "said and promised",
                    },
                },
                ["trigger", "reason", "summary"],
            )
        )
    if allowed.finish:
        tools.append(
            _tool(
                "finish",
                "End the conversation, when the customer needs nothing more.",
                {"message": {**_TEXT, "description": "The last words to the customer"}},
                ["message"],
            )
        )
    tools.append(
        _tool(
            "set_result",
            "Record a finding about this conversation. Colleagues see it, the customer does not.",
            {
                "name": {**_TEXT, "description": "A short name, such as order_number"},
                "value": {
                    "type": ["string", "number", "boolean"],
                    "description": "Amounts and counts as numbers",
                },
            },
            ["name", "value"],
        )
    )
    if allowed.no_help:
        says = "Say that you could not help with what the customer asked just now."
        tools.append(_tool("could_not_help", says, {}, []))
    return tools


@dataclass(slots=True, kw_only=True)
class Deeds:
    """What the model's calls have come to so far."""

    allowed: Allowed
    results: dict[str, Any] = field(default_factory=dict)
    handover: HandoverRequest | None = None
    finish: bool = False
    last_words: str = ""
    helpful: bool = True

    @property
    def is_over(self) -> bool:
        """True if nothing more is to be asked: it hands over, or finishes."""
        return self.handover is not None or self.finish

    def do(self, call: Call) -> str:
        """Do what one call says; return what the model is told of it, as JSON."""
        arguments = call.arguments or {}
        problem: str | None
        match call.name:
            case "transfer_to_human":
                problem = self._transfer(arguments)
            case "finish":
                problem = self._finish(arguments)
            case "set_result" if call.arguments is None:
                problem = "the arguments are not a JSON object"
            case "set_result":
                problem = self._set_result(arguments)
            case "could_not_help":
                self.helpful, problem = False, None
            case _:
                problem = "there is no such tool"
        return json.dumps({"error": problem} if problem else {"ok": True})

    def _transfer(self, arguments: Mapping[str, Any]) -> str | None:
        # A person is never refused for the form of the words that ask for one.
        trigger: Literal["automatic", "customer_request"] = (
            "customer_request" if arguments.get("trigger") == "customer_request" else "automatic"
        )
        if not self.allowed.handover:
            return "you cannot hand over in this conversation"
        if trigger == "customer_request" and not self.allowed.customer_request:
            return "you cannot hand over because the customer asks for it"
        self.handover = HandoverRequest(
            trigger=trigger,
            reason=cut(_words(arguments.get("reason")), MAX_REASON),
            summary=cut(_words(arguments.get("summary")), MAX_SUMMARY),
        )
        return None

    def _finish(self, arguments: Mapping[str, Any]) -> str | None:
        if not self.allowed.finish:
            return "you cannot finish in this conversation"
        self.finish = True
        self.last_words = _words(arguments.get("message"))
        return None

    def _set_result(self, arguments: Mapping[str, Any]) -> str | None:
        name, value = _words(arguments.get("name")), arguments.get("value")
        if not name or len(name) > _LONGEST_NAME:
            return f"a name has 1 to {_LONGEST_NAME} characters"
        try:
            results = {**self.results, name: keepable(value)}
        except ValueError as error:
            return f"the value cannot be kept: {error}"
        if len(json.dumps(results)) > MAX_FINDINGS_BYTES:
            return "too much is recorded already"
        self.results = results
        return None


def _words(value: Any) -> str:
    return storable(value).strip() if isinstance(value, str) else ""


def _tool(
    name: str, description: str, properties: Mapping[str, Any], required: list[str]
) -> dict[str, Any]:
    parameters = {"type": "object", "properties": dict(properties), "required": required}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}
