"""Names for rows: in the order in which they were made."""

from __future__ import annotations

import time

import pytest

from gateway.store import new_id
from gateway.store.ids import first_id


def test_ids_sort_as_they_were_made() -> None:
    made = [new_id("msg") for _ in range(5_000)]
    assert made == sorted(set(made))
    assert first_id("msg", 60) < made[0]
    assert made[-1] < first_id("msg", -60)


def test_a_clock_that_is_set_back_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id("msg")
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    after = [new_id("msg") for _ in range(1_000)]
    assert [before, *after] == sorted({before, *after})
