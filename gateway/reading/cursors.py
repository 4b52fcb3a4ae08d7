"""Cursors: where the next page begins, as an opaque word that survives inserts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

from gateway.clock import to_time
from gateway.errors import Unreadable

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "from_cursor", "to_cursor", "to_time"]

MAX_LIMIT = 500
DEFAULT_LIMIT = 50

_LARGEST = 2**63


def to_cursor(key: Sequence[int | str]) -> str:
    """The cursor after the row with this sort key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(key))).decode().rstrip("=")


def from_cursor(cursor: str, kinds: Sequence[type]) -> list[int | str]:
    """The sort key behind a cursor of ours; raise Unreadable for anything else."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        key = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        raise _not_ours() from None
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
        raise _not_ours()
    for part in key:
        if isinstance(part, int) and not -_LARGEST <= part < _LARGEST:
            raise _not_ours()
        if isinstance(part, str) and "\x00" in part:
            raise _not_ours()
    return key


def _not_ours() -> Unreadable:
    return Unreadable(
        "cursor: this is not a next_cursor of this list",
        details={"fields": {"cursor": ["Not a next_cursor of this list."]}},
    )
