"""Initials and colours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reading.avatars import COLOURS, avatar, colour, initials


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ann Lee", "AL"),
        ("Ann Mary Lee", "AL"),
        ("ann", "A"),
        ("Åsa Öberg", "ÅÖ"),
        ("Jean-Luc O'Neill", "JO"),
        ("李 小龍", "李小"),
        ("🎉 Bob 🎉", "B"),
        ("(Ann) [Lee]", "AL"),
        ("Teammate 814861", "T8"),
        ("🎉", "?"),
        ("", "?"),
        ("straße ßen", "SS"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


@given(st.text())
def test_initials_are_one_or_two_letters_or_a_question_mark(name: str) -> None:
    found = initials(name)
    assert found == "?" or (1 <= len(found) <= 2 and found.isalnum())


def test_a_colour_stays_and_colours_differ() -> None:
    keys = [f"opr_{number}" for number in range(500)]
    assert {colour(key) for key in keys} == set(COLOURS)
    assert colour("opr_1") == colour("opr_1") == avatar("opr_1", "Ann", None)["colour"]


def test_white_letters_can_be_read_on_every_colour() -> None:
    for shade in COLOURS:
        assert 1.05 / (_luminance(shade) + 0.05) >= 4.5, shade


def _luminance(shade: str) -> float:
    """As WCAG 2 defines it."""
    channels = [int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
