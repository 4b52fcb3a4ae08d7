"""Which variables may still matter, where a function waits for another."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tests.exhaust.alive import alive


def _look() -> frozenset[str]:
    caller = inspect.currentframe()
    assert caller is not None
    assert caller.f_back is not None
    return alive(caller.f_back.f_code, caller.f_back.f_lasti)


def _straight(told: list[Any]) -> None:
    read, dead, later = 1, 2, 3
    told.append((read, dead))
    told.append(_look())
    told.append(later)


def _on_one_way(told: list[Any]) -> None:
    either = 1
    seen = _look()
    if seen:
        told.append(seen)
    else:
        told.append(either)


def _after_an_error(told: list[Any]) -> None:
    known = 1
    try:
        told.append(_look())
        raise ValueError
    except ValueError:
        told.append(known)


def _in_a_loop(told: list[Any]) -> None:
    for place in range(2):
        told.append((place, _look()))


def _put_anew(told: list[Any]) -> None:
    again = 1
    told.append((again, _look()))
    again = 2
    told.append(again)


def _shared(told: list[Any]) -> None:
    inside = 1

    def inner() -> int:
        return inside

    inner()
    told.append(_look())


@pytest.mark.parametrize(
    ("function", "those", "others"),
    [
        (_straight, {"later", "told"}, {"read", "dead"}),
        (_on_one_way, {"either", "told"}, set()),
        (_after_an_error, {"known", "told"}, set()),
        # How far a loop has come is known by its variables alone.
        (_in_a_loop, {"place", "told"}, set()),
        # The statement under way has read it, and may still hold it.
        (_put_anew, {"again", "told"}, set()),
        (_shared, {"inside"}, {"inner"}),
    ],
)
def test_what_may_still_be_read(
    function: Callable[[list[Any]], None], those: set[str], others: set[str]
) -> None:
    told: list[Any] = []
    function(told)
    found = next(
        one for thing in told for one in (thing if isinstance(thing, tuple) else [thing])
        if isinstance(one, frozenset)
    )  # fmt: skip
    assert those <= found
    assert not others & found
