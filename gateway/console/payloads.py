"""What a channel sent us, or we a channel, as somebody may read it: indented, without secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.audit.masking import HIDDEN

MOST = 200_000
"""So many characters are shown."""

_SECRET = re.compile(
    r"secret|passw|token|authori[sz]ation|cookie|api_?key|signature|(user|identity)_hash|jwt", re.I
)
# Ids of tokens, and what says whether there is one, are no secrets.
_NOT_SECRET = re.compile(r"token_id$|^has_", re.I)
_IN_ADDRESS = re.compile(
    r"([?&](?:[\w.-]*(?:token|signature|secret|password|credential|api_?key)[\w.-]*|sig|key|jwt)=)"
    r"[^&\s\"'<>#]+",
    re.I,
)
_BY_LOOKS = re.compile(
    r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\bBearer\s+[\w.~+/=-]{8,}|\bwhsec_[\w+/=-]{8,}"
    r"|\bgwt_[\w-]{8,}",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A text to show; `cut`: it is only the beginning of what there is."""

    text: str
    cut: bool
    bytes: int


def pretty(body: bytes) -> Payload:
    """A body as it may be shown: JSON indented, anything else as text."""
    try:
        told = msgspec.json.decode(body)
        text = msgspec.json.format(msgspec.json.encode(masked(told)), indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Only what can be told by its looks is hidden in what has no names.
        text = _in_text(body[: 4 * MOST].decode("utf-8", "replace"))
    return Payload(text=text[:MOST], cut=len(text) > MOST, bytes=len(body))


def masked(node: Any) -> Any:
    """The same without secrets: by their names, and in texts by their looks."""
    if isinstance(node, dict):
        return {name: _named(name, value) for name, value in node.items()}
    if isinstance(node, list):
        return [masked(one) for one in node]
    return _in_text(node) if isinstance(node, str) else node


def _named(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _SECRET.search(name) and not _NOT_SECRET.search(name):
        return HIDDEN
    return masked(value)


def _in_text(text: str) -> str:
    return _BY_LOOKS.sub(HIDDEN, _IN_ADDRESS.sub(rf"\g<1>{HIDDEN}", text))
