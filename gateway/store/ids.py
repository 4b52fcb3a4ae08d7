"""Names for rows: a prefix that says what it is, then time, then chance."""

from __future__ import annotations

import secrets
import time
from typing import Literal

Prefix = Literal[
    "act",
    "alr",
    "aud",
    "bkf",
    "chg",
    "cnv",
    "con",
    "dlv",
    "ers",
    "evd",
    "evt",
    "fil",
    "ins",
    "jon",
    "msg",
    "ntc",
    "off",
    "opr",
    "rec",
    "req",
    "ses",
    "sgn",
    "tea",
    "tok",
    "trn",
    "vis",
    "wml",
    "wrk",
]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]
_CHANCE, _STEP = 82, 64

_newest = 0


def new_id(prefix: Prefix) -> str:
    """A fresh id such as ``ses_06f3…``: 48 bits of milliseconds, then 82 of chance.

    Ids made later sort later, which keeps indexes compact: in one process always, also within a
    millisecond or when the clock is set back. Nobody can guess the next one.
    """
    global _newest
    number = time.time_ns() // 1_000_000 << _CHANCE | secrets.randbits(_CHANCE)
    if number <= _newest:
        number = _newest + 1 + secrets.randbits(_STEP)
    _newest = number  # two threads may meet here, and then their two are in either order
    return _named(prefix, number)


def first_id(prefix: Prefix, age_s: float) -> str:
    """What sorts before every id made within the last `age_s` seconds."""
    return _named(prefix, time.time_ns() // 1_000_000 - int(age_s * 1000) << _CHANCE)


def _named(prefix: Prefix, number: int) -> str:
    pairs = [_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"
