"""The outside of an Intercom notification: from raw bytes to an Envelope.

Decided here: characters that no database keeps are replaced on the way in where they are words
(half of a surrogate pair becomes U+FFFD), and refused where they are names (see `names.py`).
A key that occurs twice counts as its last occurrence, as in every JSON reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from gateway.channels.base import Envelope
from gateway.channels.intercom.names import name_of, name_or_none
from gateway.errors import Unreadable

TOPIC_MAX = 100
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_envelope(body: bytes) -> Envelope:
    """Read who sent what. Raise Unreadable, naming the field and what was expected of it.

    Only the topic is needed: the vendor's page promises little more, and `ping` has no id.
    """
    content = parse(body)
    if not isinstance(content, dict):
        raise Unreadable("the body is not a JSON object")
    return Envelope(
        installation=_name(content, "app_id") or "",
        id=_name(content, "id"),
        topic=_topic(content),
        conversation=_conversation(content),
        content=content,
    )


def item_of(content: Mapping[str, object]) -> Mapping[str, Any] | None:
    """Return what the notification is about (`data.item`), None if it is about nothing."""
    data = content.get("data")
    item = data.get("item") if isinstance(data, dict) else None
    return item if isinstance(item, dict) else None


def parse(body: bytes) -> object:
    """Read a body as JSON; raise Unreadable."""
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise Unreadable("the body is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise Unreadable("the body is not UTF-8") from error
    except msgspec.DecodeError as error:
        return _parse_with_halves(body, error)


def _parse_with_halves(body: bytes, error: msgspec.DecodeError) -> object:
    """Parse a body whose text was cut inside an emoji: "\\ud83d" alone is refused by msgspec.

    A customer's words are not lost for half a character.
    """
    if rb"\ud" not in body.lower():
        raise Unreadable(f"the body is not JSON: {error}") from error
    try:
        lenient = json.loads(body.decode("utf-8"), parse_constant=_refuse)
        whole = _LONE_SURROGATE.sub("\ufffd", json.dumps(lenient, ensure_ascii=False))
        parsed: object = msgspec.json.decode(whole.encode())
    except RecursionError as deep:
        raise Unreadable("the body is nested too deeply") from deep
    except UnicodeDecodeError as foreign:
        raise Unreadable("the body is not UTF-8") from foreign
    except ValueError as still:
        raise Unreadable(f"the body is not JSON: {error}") from still
    return parsed


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _topic(content: Mapping[str, object]) -> str:
    topic = content.get("topic")
    if topic is None:
        raise Unreadable("topic is missing: expected the name of an Intercom webhook topic")
    if not isinstance(topic, str):
        raise Unreadable(f"topic is a {type(topic).__name__}: expected a string")
    if not topic or len(topic) > TOPIC_MAX or not topic.isprintable():
        raise Unreadable(f"topic is not a name: expected 1 to {TOPIC_MAX} printable characters")
    return topic


def _name(content: Mapping[str, object], field: str) -> str | None:
    value = content.get(field)
    return None if value is None or value == "" else name_of(value, field)


def _conversation(content: Mapping[str, object]) -> str | None:
    """Return the conversation's id in every shape that has one; None where it cannot be told.

    Never raises: what is wrong with the item is said by the translation, when it is already kept.
    """
    item = item_of(content)
    if item is None:
        return None
    if item.get("type") == "conversation":
        # `conversation.deleted` has no `id`.
        return name_or_none(item.get("id")) or name_or_none(item.get("conversation_id"))
    inner = item.get("conversation")
    if isinstance(inner, dict):
        # `conversation.contact.attached` and `.detached` are internal dumps without a type.
        model = inner.get("model")
        dumped = model.get("id") if isinstance(model, dict) else None
        return name_or_none(dumped) or name_or_none(inner.get("id"))
    topic = content.get("topic")
    if isinstance(topic, str) and topic.startswith("conversation"):
        return name_or_none(item.get("conversation_id"))
    return None
