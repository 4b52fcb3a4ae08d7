"""An agent without an AI: rules whose patterns are found in the customer's words answer."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from marshmallow import Schema, ValidationError, fields, post_load, validate

from gateway.config import ScriptRule
from gateway.errors import ConfigError, Unreadable
from gateway.events import Answer, HandoverRequest, Turn, TurnMessage

# `{name}` in what a rule says. str.format is not used: it would let a script reach into objects.
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_LONGEST_QUOTE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of a script; it answers where all of its conditions hold.

    Texts may name `{values}`: groups of the pattern, the session's parameters, `{customer}`,
    `{operator}`, `{last_operator_words}`. A rule that names a value that is not known does not
    answer.
    """

    # Searched for in the customer's new words, without regard to case.
    pattern: re.Pattern[str]
    # The turn's causes that it answers; empty: every cause.
    after: Sequence[str] = ()
    # A group of the pattern must be a number above this.
    above: Mapping[str, float] = field(default_factory=dict)
    # What is said, a message each.
    reply: Sequence[str] = ()
    # One more message, another one each time.
    one_of: Sequence[str] = ()
    # Findings for the session.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    handover: HandoverRequest | None = None
    finish: bool = False
    # The rules after this one may add to the answer.
    goes_on: bool = False


class ScriptedAgent:
    """Answers from a list of rules, to try a set-up without an AI. Threads may share one."""

    def __init__(
        self, rules: Sequence[Mapping[str, Any] | ScriptRule], *, fallback_reply: str = ""
    ) -> None:
        """Take rules as tables or as settings; raise ConfigError with every problem.

        `fallback_reply` is said when no rule answers the customer's words; empty: nothing is.
        """
        self._rules = _read_rules(rules)
        self._fallback_reply = fallback_reply

    @classmethod
    def from_file(cls, path: Path, *, fallback_reply: str = "") -> ScriptedAgent:
        """Read the tables `[[script]]` of a TOML file; raise ConfigError."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError([f"the script {path} cannot be read: {error}"]) from error
        if set(table) != {"script"} or not isinstance(table["script"], list):
            raise ConfigError([f"the script {path} must hold tables [[script]] and nothing else"])
        return cls(table["script"], fallback_reply=fallback_reply)

    def ask(self, turn: Turn) -> Answer:
        """Answer from the rules. A draft (copilot) hands nothing over and finishes nothing."""
        words = _new_words(turn.messages)
        known = _known(turn)
        said_before = sum(message.author.kind == "ai" for message in turn.messages)
        messages: list[str] = []
        parameters: dict[str, Any] = {}
        results: dict[str, Any] = {}
        for rule, values in self._that_answer(turn, words, known):
            one_of = rule.one_of and (rule.one_of[said_before % len(rule.one_of)],)
            messages += [_filled(text, values) for text in (*rule.reply, *one_of)]
            parameters |= _filled(rule.parameters, values)
            results |= _filled(rule.results, values)
            if not rule.goes_on:
                break
        else:
            lost = bool(not messages and words and self._fallback_reply)
            if lost:
                messages.append(self._fallback_reply)
            return Answer(
                messages=tuple(messages), parameters=parameters, results=results, helpful=not lost
            )
        acts = turn.mode == "ai"
        return Answer(
            messages=tuple(messages),
            parameters=parameters,
            results=results,
            handover=_filled_handover(rule.handover, values) if acts else None,
            finish=rule.finish and acts,
        )

    def read_reply(self, headers: dict[str, str], body: bytes) -> Answer:
        """Raise Unreadable: this agent never answers later."""
        raise Unreadable("a scripted agent answers at once and never at a reply address")

    def _that_answer(
        self, turn: Turn, words: str, known: Mapping[str, str]
    ) -> Iterator[tuple[Rule, dict[str, str]]]:
        for rule in self._rules:
            found = rule.pattern.search(words)
            if found is None or (rule.after and turn.cause not in rule.after):
                continue
            groups = {name: text for name, text in found.groupdict().items() if text}
            amounts = {name: _number(groups.get(name, "")) for name in rule.above}
            if any(amounts[name] <= limit for name, limit in rule.above.items()):
                continue
            values = {**known, **groups}
            if _placeholders(rule) <= values.keys():
                yield rule, values


def _new_words(messages: Sequence[TurnMessage]) -> str:
    """Return what the customer said since the last turn and no person has answered."""
    texts: list[str] = []
    for message in messages:
        if message.author.kind == "operator":
            texts.clear()
        elif message.new and message.author.kind == "customer":
            texts.append(message.text)
    return "\n".join(texts)


def _known(turn: Turn) -> dict[str, str]:
    known = {
        name: str(value) for name, value in turn.parameters.items() if isinstance(value, str | int)
    }
    if turn.contact is not None and turn.contact.name:
        known["customer"] = turn.contact.name
    for message in turn.messages:
        if message.author.kind == "operator":
            known["operator"] = message.author.name or "my colleague"
            known["last_operator_words"] = _quotable(message.text)
    return known


def _quotable(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"


def _number(text: str) -> float:
    """Read an amount as people write it: 640, 1,200, 1.200,50, 1 200.5; 0 if it is none."""
    digits = re.sub(r"[^\d.,]", "", text).strip(".,")
    whole, mark, decimals = digits.rpartition("." if digits.rfind(".") > digits.rfind(",") else ",")
    if not mark or len(decimals) == 3:  # three digits after a mark are thousands
        whole, decimals = digits, ""
    return float(f"0{re.sub(r'[.,]', '', whole)}.{decimals}0")


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: values[found[1]], value)
    if isinstance(value, Mapping):
        return {key: _filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return value


def _filled_handover(
    handover: HandoverRequest | None, values: Mapping[str, str]
) -> HandoverRequest | None:
    if handover is None:
        return None
    return HandoverRequest(
        trigger=handover.trigger,
        reason=_filled(handover.reason, values),
        summary=_filled(handover.summary, values),
    )


def _placeholders(rule: Rule) -> set[str]:
    handover = rule.handover or HandoverRequest(trigger="automatic")
    said = [*rule.reply, *rule.one_of, handover.reason, handover.summary]
    found = json.dumps([rule.parameters, rule.results], ensure_ascii=False)
    return set(_PLACEHOLDER.findall(" ".join([*said, found])))


# -- reading a script ----------------------------------------------------------------------------


class _Pattern(fields.Field[re.Pattern[str]]):
    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> re.Pattern[str]:
        if not isinstance(value, str):
            raise ValidationError("must be a text")
        try:
            return re.compile(value, re.IGNORECASE)
        except re.error as error:
            raise ValidationError(f"is not a regular expression: {error}") from error


class _Texts(fields.Field[tuple[str, ...]]):
    """A text or a list of texts."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> tuple[str, ...]:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise ValidationError("must be a text or a list of texts")
        return tuple(texts)


class _Findings(fields.Field[dict[str, Any]]):
    """A table that JSON can hold: no dates, no nan."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be a table")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValidationError("must hold only what JSON can hold") from error
        return value


class _HandoverSchema(Schema):
    trigger = fields.String(validate=validate.OneOf(("automatic", "customer_request")))
    reason = fields.String()
    summary = fields.String()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> HandoverRequest:
        return HandoverRequest(**{"trigger": "automatic", **data})


class _RuleSchema(Schema):
    pattern = _Pattern(required=True)
    after = _Texts(validate=validate.ContainsOnly(("message", "returned", "draft")))
    above = fields.Dict(keys=fields.String(), values=fields.Float())
    reply = _Texts()
    one_of = _Texts()
    parameters = _Findings()
    results = _Findings()
    handover = fields.Nested(_HandoverSchema, allow_none=True)
    finish = fields.Boolean()
    goes_on = fields.Boolean()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Rule:
        rule = Rule(**data)
        for name in rule.above:
            if name not in rule.pattern.groupindex:
                raise ValidationError(f"the pattern has no group (?P<{name}>…)", "above")
        if rule.goes_on and (rule.handover is not None or rule.finish):
            raise ValidationError("cannot hand over or finish as well", "goes_on")
        return rule


_RULE = _RuleSchema()


def _read_rules(rules: Sequence[Mapping[str, Any] | ScriptRule]) -> list[Rule]:
    read: list[Rule] = []
    problems: list[str] = []
    for index, rule in enumerate(rules):
        try:
            table = asdict(rule) if isinstance(rule, ScriptRule) else rule
            read.append(cast(Rule, _RULE.load(table)))
        except ValidationError as error:
            problems += sorted(_problems(error.messages, f"script[{index}]"))
    if problems:
        raise ConfigError(problems)
    return read


def _problems(messages: Any, where: str) -> Iterator[str]:
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            step = f"[{key}]" if isinstance(key, int) else f".{key}"
            yield from _problems(inner, where if key == "_schema" else where + step)
    else:
        yield from (f"{where}: {message}" for message in messages)
