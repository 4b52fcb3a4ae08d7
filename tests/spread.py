"""Which tests begin: long ones, so that none of them runs alone in the end.

pytest-xdist gives each of its processes a stretch of the list, and whoever is done takes from the
end of the longest one. So each stretch begins with long tests. Those of one room stay together:
the crash tests start a dozen processes each, and two of them at a time are more than two cores do.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence

import pytest

_SLOW_S = 8.0


def long_first(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """The tests in the order in which to hand them out to so many processes."""
    rooms: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("slow"):
            rooms[_room(item)].append(item)
    queues: list[list[pytest.Item]] = [[] for _ in range(processes)]
    for room in sorted(rooms.values(), key=lambda room: -sum(map(_seconds, room))):
        # The longest first, to whoever has least to do.
        min(queues, key=lambda queue: sum(map(_seconds, queue))).extend(
            sorted(room, key=lambda item: -_seconds(item))
        )
    rest = iter([item for item in items if not item.get_closest_marker("slow")])
    ordered: list[pytest.Item] = []
    left = len(items)
    for number, queue in enumerate(queues):
        stretch = left // (processes - number)  # as xdist's `worksteal` cuts it
        short = max(0, stretch - len(queue))
        ordered += [*queue, *(item for _, item in zip(range(short), rest, strict=False))]
        left -= stretch
    return [*ordered, *rest]


def processes() -> int:
    """How many of them share the tests."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _room(item: pytest.Item) -> str:
    return item.nodeid.rpartition("/")[0]


def _seconds(item: pytest.Item) -> float:
    marker = item.get_closest_marker("slow")
    assert marker is not None
    return float(marker.args[0]) if marker.args else _SLOW_S
