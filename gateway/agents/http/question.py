"""Writes a turn as the JSON that an agent is asked with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

from gateway.events import Attachment, Turn, TurnContact, TurnMessage
from gateway.rules import HandoverRule

# What one turn tells at most; older messages are left out.
MAX_MESSAGES = 200
MAX_MESSAGES_BYTES = 64 * 1024

_CUT = " […]"


def turn_to_json(
    turn: Turn,
    *,
    reply_url: str,
    allow_handover: bool,
    allow_customer_request: bool,
    conditions: str,
    rules: Sequence[HandoverRule] = (),
) -> bytes:
    """Write the request's body.

    A handover is announced as allowed only while the AI holds the session: a draft's session is
    with an operator already. `rules` are those by which the gateway itself will hand over.
    """
    allowed = allow_handover and turn.mode == "ai"
    question = {
        "type": "turn.requested",
        "turn_id": turn.id,
        "reply_url": reply_url,
        "session": {
            "id": turn.session,
            "channel": turn.channel,
            "mode": turn.mode,
            "parameters": dict(turn.parameters),
            "results": dict(turn.results),
        },
        "contact": _contact_to_data(turn.contact),
        "handover": {
            "allowed": allowed,
            "customer_request_allowed": allowed and allow_customer_request,
            "conditions": conditions,
            "rules": [_rule_to_data(rule) for rule in rules],
        },
        "messages": [_message_to_data(message) for message in newest(turn.messages)],
        "cause": turn.cause,
        "brief": turn.brief,
        "previous_summary": turn.previous_summary,
        "origin": turn.origin,
    }
    return _to_bytes(question)


def newest(
    messages: Sequence[TurnMessage],
    *,
    count: int = MAX_MESSAGES,
    size: int = MAX_MESSAGES_BYTES,
) -> list[TurnMessage]:
    """Return the newest messages, oldest first, that fit into `count` and `size` bytes of JSON.

    The newest one is always there: if it alone is too large, attachments and then the end of its
    text are left out.
    """
    kept: list[TurnMessage] = []
    left = size
    for message in reversed(messages[-count:] if count > 0 else ()):
        needed = _size(message)
        if needed > left:
            break
        kept.append(message)
        left -= needed
    if messages and not kept:
        kept = [_shortened(messages[-1], size)]
    return kept[::-1]


def _shortened(message: TurnMessage, size: int) -> TurnMessage:
    # Half of the room is for the words.
    while message.attachments and _size(replace(message, text="")) > size // 2:
        message = replace(message, attachments=message.attachments[:-1])
    text = message.text[:size]
    while _size(message) > size and text:
        text = text[: len(text) * 9 // 10]
        message = replace(message, text=text + _CUT)
    return message


def _size(message: TurnMessage) -> int:
    return len(_to_bytes(_message_to_data(message)))


def _to_bytes(data: Any) -> bytes:
    # "replace": a lone surrogate in a customer's words must not stop the turn.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _rule_to_data(rule: HandoverRule) -> dict[str, Any]:
    """Tell what of a rule is set, in the words of the configuration."""
    told = {
        "reason": rule.reason,
        "phrases": list(rule.phrases),
        "unhelpful_turns": rule.unhelpful_turns,
        "parameter": rule.parameter,
        "result": rule.result,
    }
    limits = {"above": rule.above, "below": rule.below, "equals": rule.equals}
    return {
        **{name: value for name, value in told.items() if value},
        **{name: value for name, value in limits.items() if value is not None},
    }


def _contact_to_data(contact: TurnContact | None) -> dict[str, Any] | None:
    if contact is None:
        return None
    return {
        "id": contact.id,
        "name": contact.name,
        "email": contact.email,
        "verified": contact.verified,
    }


def _message_to_data(message: TurnMessage) -> dict[str, Any]:
    occurred_at = message.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "id": message.id,
        "author": {"kind": message.author.kind, "name": message.author.name},
        "text": message.text,
        "attachments": [_attachment_to_data(attachment) for attachment in message.attachments],
        "occurred_at": occurred_at.replace("+00:00", "Z"),
        "new": message.new,
    }


def _attachment_to_data(attachment: Attachment) -> dict[str, Any]:
    return {
        "url": attachment.url,
        "name": attachment.name,
        "content_type": attachment.content_type,
        "size": attachment.size,
    }
