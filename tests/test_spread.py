"""The order in which tests are handed out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.spread import long_first


def some(*named: str | tuple[str, float]) -> list[Any]:
    """By their ids; those with seconds are slow."""
    return [
        SimpleNamespace(nodeid=one, get_closest_marker=lambda _: None)
        if isinstance(one, str)
        else SimpleNamespace(
            nodeid=one[0],
            get_closest_marker=lambda _, s=one[1]: SimpleNamespace(args=(s,) if s else ()),
        )
        for one in named
    ]


def stretches(items: list[Any], processes: int) -> list[list[str]]:
    """As `worksteal` cuts the list."""
    ids = [item.nodeid for item in long_first(items, processes)]
    cut = []
    for left in range(processes, 0, -1):
        number = len(ids) // left
        cut.append(ids[:number])
        ids = ids[number:]
    return cut


def test_each_stretch_begins_with_the_long_ones_of_whole_rooms() -> None:
    items = some(
        "a/t.py::1", ("a/t.py::30", 30), "a/t.py::2", ("b/u.py::9", 9), ("b/v.py::20", 20),
        "b/u.py::3", ("c/w.py::8", 0), "c/w.py::4", "c/w.py::5", "c/w.py::6",
    )  # fmt: skip
    assert stretches(items, 2) == [
        ["a/t.py::30", "a/t.py::1", "a/t.py::2", "b/u.py::3", "c/w.py::4"],
        ["b/v.py::20", "b/u.py::9", "c/w.py::8", "c/w.py::5", "c/w.py::6"],
    ]


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_none_is_lost_however_many_are_long(processes: int) -> None:
    items = some(*[(f"r{n}/t.py::{n}", n) for n in range(1, 5)], "z/t.py::1")
    assert sorted(item.nodeid for item in long_first(items, processes)) == sorted(
        item.nodeid for item in items
    )
