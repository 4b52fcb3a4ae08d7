"""Names for rows: a prefix that says what it is, then time, then chance."""

from __future__ import annotations

import secrets
import time
from typing import Literal

Prefix = Literal["act", "cnv", "con", "dlv", "ins", "msg", "opr", "rec", "ses", "tok", "trn"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def new_id(prefix: Prefix) -> str:
    """A fresh id such as ``ses_06f3…``: 48 bits of milliseconds, then 82 of chance.

    Ids made later sort later, which keeps indexes compact; nobody can guess the next one.
    """
    number = (time.time_ns() // 1_000_000) << 82 | secrets.randbits(82)
    letters = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(letters)}"
