"""What may be known of a customer, how far it can be trusted, and which word is shown; pure.

Levels: 0 anonymous (not said by anybody, such as a made-up name), 1 claimed, 2 verified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from gateway.errors import Unreadable

Json = dict[str, Any]
Level = Literal["anonymous", "claimed", "verified"]

LEVELS: tuple[Level, ...] = ("anonymous", "claimed", "verified")
ANONYMOUS, CLAIMED, VERIFIED = range(3)

DETAILS = ("name", "email", "phone", "external_id")
CUSTOM = "custom."
KEYS = ("email", "external_id")
"""What joins contacts by itself where it is verified."""

_LONGEST = {"name": 200, "email": 254, "phone": 50, "external_id": 255}
_LONGEST_CUSTOM = 2_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_CUSTOM = re.compile(r"custom\.[A-Za-z0-9_-]{1,64}")
_SPOKEN = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who says so: a channel (by its id of the customer), an operator, an AI agent, the gateway.

    `installation` is our id of the channel's workspace; people are told the channel's name.
    """

    kind: Literal["channel", "operator", "ai", "system"]
    id: str | None = None
    name: str | None = None
    installation: str | None = None
    session: str | None = None

    def to_json(self) -> Json:
        """As it is kept and told."""
        return asdict(self)


class Said(NamedTuple):
    """A channel's word on one detail, and since when (µs) it says so; "": that there is none."""

    value: str | int | float | bool
    level: int
    at: int

    @property
    def is_none(self) -> bool:
        """Whether it says that there is none; a number may be 0."""
        return self.value == ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One word on one detail. A `value` of None says that there is none."""

    detail: str
    value: Any
    level: int
    rank: int
    at: int
    source: Source
    contact_id: str


def winning(statements: Iterable[Statement]) -> dict[str, Statement]:
    """Which word on each detail counts: the highest rank, within it the newest.

    A person's word stays theirs when a channel says the same after them, as it does once it was
    sent there. The rest of the order only makes sure that the same words always give the same.
    """
    best: dict[str, tuple[tuple[Any, ...], Statement]] = {}
    people: dict[tuple[Any, ...], Statement] = {}
    for said in statements:
        weight = (
            said.rank, said.at, said.level, said.source.kind, said.contact_id,
            str(said.source.id), str(said.value),
        )  # fmt: skip
        held = best.get(said.detail)
        if held is None or weight > held[0]:
            best[said.detail] = (weight, said)
        if said.source.kind == "operator":
            people[_word(said)] = said
    return {detail: people.get(_word(said), said) for detail, (_, said) in sorted(best.items())}


def shown(statements: Iterable[Statement]) -> dict[str, Statement]:
    """Which word on each detail is shown: the one that counts, unless it says there is none."""
    return {detail: said for detail, said in winning(statements).items() if said.value is not None}


def _word(said: Statement) -> tuple[Any, ...]:
    return (said.detail, type(said.value), said.value, said.rank, said.level)


def columns_of(found: Mapping[str, Statement]) -> Json:
    """What a contact's row holds of what is shown."""
    values: Json = {detail: found[detail].value if detail in found else None for detail in DETAILS}
    email, external_id = found.get("email"), found.get("external_id")
    known_id = external_id is not None and external_id.level == VERIFIED
    highest = max((said.level for said in found.values()), default=ANONYMOUS)
    return {
        **values,
        "phone_key": phone_key(values["phone"]),
        "verified": known_id if email is None else email.level == VERIFIED,
        "external_id_verified": known_id,
        "level": LEVELS[highest],
    }


def difference(before: Mapping[str, Statement], after: Mapping[str, Statement]) -> Json:
    """What is shown otherwise now, by detail: `{"email": {"before": …, "after": …}}`."""
    changes = {}
    for detail in sorted({*before, *after}):
        was, now = _told(before.get(detail)), _told(after.get(detail))
        if was != now:
            changes[detail] = {"before": was, "after": now}
    return changes


def _told(said: Statement | None) -> Json | None:
    return None if said is None else {"value": said.value, "level": LEVELS[said.level]}


# -- values ----------------------------------------------------------------------------------------


def is_detail(name: str) -> bool:
    """True for the four details and for `custom.<field>`."""
    return name in DETAILS or _CUSTOM.fullmatch(name) is not None


def normal(detail: str, value: str | None) -> str | None:
    """A value in the form in which it is kept and compared; None for none.

    E-mail addresses are kept in lower case: `Ann@acme.test` and `ann@acme.test` are one.
    """
    if value is None:
        return None
    text = value.strip()
    return (text.lower() if detail == "email" else text) or None


def checked(detail: str, value: Any) -> Any:
    """A value that somebody gives, in its normal form; None or "" for none.

    Raises Unreadable, naming what is wrong.
    """
    if not is_detail(detail):
        raise Unreadable(
            f"{detail} is not a detail: use name, email, phone, external_id or custom.<field> "
            "(1 to 64 letters a-z, digits, _ and -)"
        )
    if value is None:
        return None
    if detail.startswith(CUSTOM):
        return _custom(detail, value)
    if detail != "name" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Unreadable(f"{detail} must be text")
    text = normal(detail, " ".join(value.split()) if detail == "name" else value)
    if text is None:
        return None
    _bounded(detail, text, _LONGEST[detail])
    if detail == "email" and not _EMAIL.fullmatch(text):
        raise Unreadable("email is not an e-mail address")
    if detail == "phone" and phone_key(text) is None:
        raise Unreadable("phone is not a phone number: 7 to 15 digits")
    return text


def _custom(detail: str, value: Any) -> Any:
    if isinstance(value, bool | int | float):
        if not abs(value) < 2**53:  # what JSON's readers agree on; not a number is refused, too
            raise Unreadable(f"{detail} is too large a number")
        return value
    if not isinstance(value, str):
        raise Unreadable(f"{detail} must be text, a number, true or false")
    text = value.strip()
    _bounded(detail, text, _LONGEST_CUSTOM)
    return text or None


def _bounded(detail: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise Unreadable(f"{detail} is longer than {longest:,} characters")
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Unreadable(f"{detail} holds a character that is not text")


def same(detail: str, one: Any, other: Any) -> bool:
    """True if both say the same: a phone number may be written in several ways.

    A channel may keep a field of ours as text where we have a number, or the other way around.
    """
    if detail.startswith(CUSTOM):
        return _as_text(one) == _as_text(other)
    if detail == "phone" and one and other:
        key = phone_key(one)
        if key is not None:
            return key == phone_key(other)
    return (one or None) == (other or None)


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def phone_key(phone: str | None) -> str | None:
    """A phone number as it is compared: digits, after + where the country is told; else None.

    Spaces and punctuation do not count and 00 is +. A number without a country stays one: nobody
    knows which country is meant.
    """
    if phone is None or _SPOKEN.search(phone):
        return None
    digits = "".join(letter for letter in phone if letter in "0123456789")
    abroad = "+" in phone.partition(digits[:1])[0] if digits else False
    if not abroad and digits.startswith("00") and len(digits) >= 9:
        digits, abroad = digits[2:], True
    return ("+" if abroad else "") + digits if 7 <= len(digits) <= 15 else None
