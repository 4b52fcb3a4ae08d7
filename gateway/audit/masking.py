"""What entries may hold of what changed: no secret, no words of a customer, nothing large."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Json = dict[str, Any]

HIDDEN = "•••"
"""Stands for a secret."""

MOST_BYTES = 4_096
_LONGEST = 200
_DEEPEST = 4
_MOST_ITEMS = 50
_SECRET = re.compile(r"secret|password|passwd|token|authorization|cookie|digest|api_?key", re.I)
# Ids of tokens are no secrets: they are what an entry is to be found by.
_NOT_SECRET = re.compile(r"^token_id$|_tokens$", re.I)
_WORDS = frozenset({"text", "html", "body", "summary", "brief"})


def masked(state: Mapping[str, Any] | None) -> Json | None:
    """`state` as an entry may hold it, at most 4 kB of JSON."""
    if state is None:
        return None
    shown: Json = _mapping(state, 0)
    if len(msgspec.json.encode(shown)) > MOST_BYTES:
        return {"too_large": True, "fields": sorted(shown)[:_MOST_ITEMS]}
    return shown


def _mapping(node: Mapping[str, Any], depth: int) -> Json:
    items = list(node.items())[:_MOST_ITEMS]
    return {_name(key): _named(str(key), value, depth) for key, value in items}


def _named(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _SECRET.search(name) and not _NOT_SECRET.search(name):
        return HIDDEN
    if name in _WORDS and isinstance(value, str):
        return f"({len(value)} characters)"
    return _value(value, depth + 1)


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        text = value.replace("\x00", "")
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return _mapping(value, depth)
    if isinstance(value, Sequence | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
        return [_value(item, depth + 1) for item in items[:_MOST_ITEMS]]
    return str(value)[:_LONGEST]


def _name(key: Any) -> str:
    return str(key).replace("\x00", "")[:_LONGEST]
