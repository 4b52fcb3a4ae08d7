"""Which word is shown, and how values are compared; pure."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from gateway.contacts.details import (
    CLAIMED,
    VERIFIED,
    Source,
    Statement,
    checked,
    columns_of,
    difference,
    normal,
    phone_key,
    shown,
)
from gateway.errors import Unreadable


def said(value: Any, level: int, at: int, *, rank: int | None = None, by: Any = "channel") -> Any:
    return Statement(
        detail="email", value=value, level=level, rank=level if rank is None else rank, at=at,
        source=Source(kind=by), contact_id="con_1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([said("old@a", CLAIMED, 1), said("new@a", CLAIMED, 2)], "new@a"),
        ([said("sure@a", VERIFIED, 1), said("new@a", CLAIMED, 2)], "sure@a"),
        ([said("made-up", 0, 9), said("said@a", CLAIMED, 1)], "said@a"),
        # A person's edit of what was verified holds against later claims, not against better words.
        ([said("sure@a", VERIFIED, 1), said("mine@a", CLAIMED, 2, rank=VERIFIED, by="operator"),
          said("new@a", CLAIMED, 3)], "mine@a"),
        ([said("mine@a", CLAIMED, 2, rank=VERIFIED, by="operator"), said("sure@a", VERIFIED, 3)],
         "sure@a"),
        ([said("said@a", CLAIMED, 1), said(None, CLAIMED, 2, by="operator")], None),
    ],
)  # fmt: skip
def test_the_highest_level_is_shown_and_within_it_the_newest(
    words: list[Statement], expected: str | None
) -> None:
    for order in permutations(words):
        found = shown(order)
        assert (found["email"].value if found else None) == expected


def test_what_a_row_holds() -> None:
    found = shown([said("ann@a", VERIFIED, 1)])
    assert columns_of(found) == {
        "name": None, "email": "ann@a", "phone": None, "external_id": None, "phone_key": None,
        "verified": True, "external_id_verified": False, "level": "verified",
    }  # fmt: skip
    assert columns_of({})["level"] == "anonymous"
    claimed = shown([said("ann@a", CLAIMED, 1)])
    assert difference(claimed, found) == {
        "email": {
            "before": {"value": "ann@a", "level": "claimed"},
            "after": {"value": "ann@a", "level": "verified"},
        }
    }
    assert difference(found, found) == {}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+353 1 555 0147", "00353-1-5550147", True),
        ("(01) 555 0147", "01.555.0147", True),
        ("01 555 0147", "+353 1 555 0147", False),
        ("+353 1 555 0147 ext 4", "+353 1 555 0147", False),
        ("911", "911", False),
        ("call me", "call me", False),
    ],
)
def test_phone_numbers_are_compared_by_their_digits(one: str, other: str, same: bool) -> None:
    assert (phone_key(one) is not None and phone_key(one) == phone_key(other)) is same


def test_values_in_their_normal_form() -> None:
    assert normal("email", " Ann@Acme.Test ") == "ann@acme.test"
    assert normal("name", "  ") is None
    assert checked("name", "  Ann \n Acme ") == "Ann Acme"
    assert checked("external_id", 4471) == "4471"
    assert checked("custom.age", 42) == 42
    assert checked("custom.note", "") is None
    assert checked("email", None) is None


@pytest.mark.parametrize(
    ("detail", "value"),
    [
        ("mail", "a@b"),
        ("custom.", "x"),
        ("custom.a b", "x"),
        ("email", "not an address"),
        ("email", "a@b c"),
        ("email", "x" * 250 + "@a.bc"),
        ("phone", "12"),
        ("name", "x" * 201),
        ("name", True),
        ("name", "a\x00b"),
        ("name", ["a"]),
        ("custom.x", {"a": 1}),
        ("custom.x", float("nan")),
        ("custom.x", 2**60),
        ("custom.x", "x" * 2001),
    ],
)
def test_values_that_are_refused(detail: str, value: Any) -> None:
    with pytest.raises(Unreadable, match=detail.split(".")[0]):
        checked(detail, value)
