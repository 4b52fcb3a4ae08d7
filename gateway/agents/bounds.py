"""How much any agent's answer may hold, and its words as the database can keep them."""

from __future__ import annotations

import math
import re
from typing import Any

# All of docs/ai-agent-protocol.md, "Limits".
MAX_BODY_BYTES = 1024 * 1024
MAX_MESSAGES = 20
MAX_TEXT = 20_000
MAX_REASON = 1_000
MAX_SUMMARY = 10_000
MAX_FINDINGS_BYTES = 64 * 1024
MAX_DEPTH = 16

# An agent's own wish to be left alone is followed no longer than a turn's patience.
MAX_RETRY_AFTER_S = 20.0

# PostgreSQL stores neither NUL nor half a surrogate pair (a model's cut emoji).
_NUL = "\x00"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text without what no database keeps."""
    return _LONE_SURROGATE.sub("\ufffd", text.replace(_NUL, ""))


def cut(text: str, longest: int) -> str:
    """Return the text, or as much of it as `longest` characters hold, the last of them an `…`."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def keepable(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return JSON data without what no database keeps; raise ValueError if it cannot be kept."""
    if depth < 0:
        raise ValueError(f"Nested more than {MAX_DEPTH} deep.")
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): keepable(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [keepable(inner, depth - 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("Holds a number that is not finite.")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("Holds a whole number of more than 64 bits.")
    return value
