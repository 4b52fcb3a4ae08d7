"""Comparing what two gateways know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.order.gateways import Ledger


def same_ledger(one: Ledger, other: Ledger, about: str = "") -> None:
    """Assert that both say the same; tell what differs, line by line."""
    for name in one:
        assert other[name] == one[name], "\n".join(
            _differences(name, one[name], other[name], about)
        )


def _differences(name: str, one: list[Any], other: list[Any], about: str) -> Iterator[str]:
    yield f"{name}: - in order, + in any order {about}"
    yield from (f"- {line}" for line in one if line not in other)
    yield from (f"+ {line}" for line in other if line not in one)
    if all(line in other for line in one) and all(line in one for line in other):
        yield "the same lines, ordered differently"
