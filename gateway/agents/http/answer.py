"""Reads what an agent answers, whether at once or at the reply address."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from gateway.agents.bounds import (
    MAX_BODY_BYTES,
    MAX_FINDINGS_BYTES,
    MAX_MESSAGES,
    MAX_REASON,
    MAX_SUMMARY,
    MAX_TEXT,
    cut,
    keepable,
    storable,
)
from gateway.errors import Oversized, Unreadable
from gateway.events import Answer, HandoverRequest


def read_answer(body: bytes) -> Answer:
    """Read an answer; raise Unreadable (Oversized) with the names of the fields at fault."""
    if len(body) > MAX_BODY_BYTES:
        raise Oversized(f"the answer is larger than {MAX_BODY_BYTES} bytes")
    try:
        data = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # `from None`: the parser's error may quote the body.
        raise Unreadable("the answer is not JSON in UTF-8") from None
    try:
        loaded = _ANSWER.load(data)
    except ValidationError as error:
        problems = list(_problems(error.messages))
        raise Unreadable(
            f"the answer is not readable: {'; '.join(problems)}", details={"fields": problems}
        ) from error
    return _to_answer(loaded)


def _to_answer(loaded: Mapping[str, Any]) -> Answer:
    handover = loaded["handover"]
    texts = [message["text"] for message in loaded["messages"] or ()]
    return Answer(
        messages=tuple(text for text in texts if text.strip()),
        parameters=loaded["parameters"] or {},
        results=loaded["results"] or {},
        handover=None if handover is None else HandoverRequest(**handover),
        finish=bool(loaded["finish"]),
        helpful=loaded["helpful"] is not False,
    )


class _Words(fields.String):
    """Text that the database can keep; too long a text is refused, or cut if `cut`."""

    def __init__(self, longest: int, *, cut: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._longest = longest
        self._cut = cut

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text = storable(value)
        if len(text) > self._longest and not self._cut:
            raise ValidationError(f"Longer than {self._longest} characters.")
        return cut(text, self._longest)


class _Flag(fields.Boolean):
    """True or false, not one of the many words for it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class _Findings(fields.Field[dict[str, Any]]):
    """A JSON object that the session can keep and that fits into later turns."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("Not an object.")
        try:
            kept = cast(dict[str, Any], keepable(value))
        except ValueError as error:
            raise ValidationError(str(error)) from error
        if len(json.dumps(kept)) > MAX_FINDINGS_BYTES:
            raise ValidationError(f"Larger than {MAX_FINDINGS_BYTES} bytes.")
        return kept


class _Lenient(Schema):
    """Unknown keys are for a later version of the protocol, or for the agent's own use."""

    class Meta:
        unknown = EXCLUDE


class _MessageSchema(_Lenient):
    text = _Words(MAX_TEXT, required=True)


class _HandoverSchema(_Lenient):
    trigger = fields.String(
        required=True, validate=validate.OneOf(("automatic", "customer_request"))
    )
    # A person is never refused for the length of the words that ask for one.
    reason = _Words(MAX_REASON, cut=True, load_default="")
    summary = _Words(MAX_SUMMARY, cut=True, load_default="")


class _AnswerSchema(_Lenient):
    messages = fields.List(
        fields.Nested(_MessageSchema),
        validate=validate.Length(max=MAX_MESSAGES),
        allow_none=True,
        load_default=None,
    )
    parameters = _Findings(allow_none=True, load_default=None)
    results = _Findings(allow_none=True, load_default=None)
    handover = fields.Nested(_HandoverSchema, allow_none=True, load_default=None)
    finish = _Flag(allow_none=True, load_default=None)
    helpful = _Flag(allow_none=True, load_default=None)


_ANSWER = _AnswerSchema()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _problems(messages: Any, where: str = "") -> Iterator[str]:
    """Flatten marshmallow's tree of messages into `messages[0].text: …`."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            if isinstance(key, int):
                yield from _problems(inner, f"{where}[{key}]")
            elif key == "_schema":
                yield from _problems(inner, where)
            else:
                yield from _problems(inner, f"{where}.{key}" if where else key)
    else:
        for message in messages:
            yield f"{where}: {message}" if where else message
