"""Intercom's ids, times and short words, made uniform: ids are strings, times microseconds.

Ids come as integers and as strings for the same thing (`admin.id` 1234567, `author.id` "1234567").
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.channels.markup import storable
from gateway.errors import Unreadable

NAME_MAX = 128
WORDS_MAX = 320
# The largest whole number that our databases keep.
INT64_MAX = 2**63 - 1
# 9999-12-31T23:59:59Z: the last second that a `datetime` can tell.
LAST_SECOND = 253_402_300_799

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def name_of(value: object, where: str) -> str:
    """Return an id as a string; raise Unreadable if it cannot be one.

    PostgreSQL keeps no NUL, and a name with control characters is no name: refused, not repaired,
    since a repaired id would be another id.
    """
    if isinstance(value, str):
        if value and len(value) <= NAME_MAX and value.isprintable():
            return value
        raise Unreadable(f"{where} is not an id: expected 1 to {NAME_MAX} printable characters")
    if isinstance(value, int) and not isinstance(value, bool):
        if -INT64_MAX <= value <= INT64_MAX:
            return str(value)
        raise Unreadable(f"{where} is out of range: expected a number of at most 64 bits")
    raise Unreadable(f"{where} is a {type(value).__name__}: expected a string or a whole number")


def name_or_none(value: object) -> str | None:
    """Return an id as a string, None if there is none or it cannot be one."""
    try:
        return None if value is None else name_of(value, "id")
    except Unreadable:
        return None


def assigned_id(value: int | str | None, where: str) -> str | None:
    """Return the id of who holds something; None for every way in which Intercom says nobody.

    2.5-2.14 send null, 2.16 documents 0, tickets have "0", old conversations "".
    """
    return None if value in (None, 0, "0", "") else name_of(value, where)


def number_of(name: str) -> int:
    """Return a part's id as a number, 0 if it is none; raise Unreadable beyond 64 bits.

    Ids grow, so this orders the parts of one second.
    """
    if not (name.isascii() and name.isdigit()):
        return 0
    number = int(name)
    if number > INT64_MAX:
        raise Unreadable("a part's id is out of range: expected a number of at most 64 bits")
    return number


def micros_of(when: int | str, where: str) -> int:
    """Return a time in microseconds since 1970; raise Unreadable.

    REST and conversations have Unix seconds, contacts ISO 8601 in two forms
    (`2026-01-10T06:29:21.953+00:00` and `2026-01-10T04:39:55.000Z`).
    """
    if isinstance(when, int):
        return when * 1_000_000
    try:
        moment = datetime.fromisoformat(when)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        micros = (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{where} is not a time: expected Unix seconds or ISO 8601") from error
    if micros < 0:
        raise Unreadable(f"{where} is before 1970")
    return micros


def words_or_none(text: str | None) -> str | None:
    """Return a name or an address fit to keep; None if it is blank, as Intercom's "" is."""
    if text is None:
        return None
    return storable(text[:WORDS_MAX]).strip() or None
