"""Refusals: a few are told at once, a flood of them at a pace, and nobody waits for long."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from gateway.quota import refusals
from gateway.quota.refusals import (
    ALL_S,
    EACH_S,
    LONGEST_S,
    MOST_WAITING,
    SAVED_S,
    SPREAD_S,
    Refusals,
)


class Ticking:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def turns(them: Refusals, who: str, count: int) -> list[float]:
    return [them._turn(who) for _ in range(count)]


def test_a_few_are_told_at_once_and_then_one_after_the_other() -> None:
    clock = Ticking()
    them = Refusals(clock)
    saved = round(SAVED_S / EACH_S)
    assert turns(them, "a", saved) == pytest.approx([0.0] * saved)
    assert turns(them, "a", 3) == pytest.approx([EACH_S, 2 * EACH_S, 3 * EACH_S])
    assert turns(them, "b", 3) == pytest.approx([0.0] * 3)  # another network's are its own
    clock.time += 3 * EACH_S + SAVED_S
    assert turns(them, "a", saved) == pytest.approx([0.0] * saved)


def test_all_together_have_a_pace_too() -> None:
    clock = Ticking()
    them = Refusals(clock)
    saved = round(SAVED_S / ALL_S)
    waits = [them._turn(f"from {number}") for number in range(saved + 20)]
    assert waits[:saved] == pytest.approx([0.0] * saved)
    assert waits[-1] == pytest.approx(20 * ALL_S)


def test_nobody_waits_for_long_and_not_too_many_do() -> None:
    them = Refusals(Ticking())
    waits = turns(them, "a", MOST_WAITING + 100)
    assert LONGEST_S < max(waits) < LONGEST_S + SPREAD_S
    assert sum(wait > 0 for wait in waits) == MOST_WAITING
    assert waits[-1] == 0.0


def test_those_of_a_crowd_are_not_told_all_at_once() -> None:
    """They would come back all at once, and others would wait behind all of them."""
    them = Refusals(Ticking())
    turns(them, "a", 2 * round(LONGEST_S / EACH_S))
    waits = sorted(turns(them, "a", 32))
    assert waits[0] >= LONGEST_S
    assert waits[-1] <= LONGEST_S + SPREAD_S
    gaps = [after - before for before, after in itertools.pairwise(waits)]
    assert min(gaps) > SPREAD_S / 32 / 3


def test_what_a_crowd_sends_next_is_put_aside_until_its_line_is_shorter() -> None:
    clock = Ticking()
    them = Refusals(clock)
    assert them.aside("a") == 0.0
    turns(them, "a", round(SAVED_S / EACH_S) + 5)
    assert them.aside("a") == 0.0  # they wait, but are no crowd
    turns(them, "a", round(LONGEST_S / EACH_S))
    assert LONGEST_S <= them.aside("a") <= LONGEST_S + SPREAD_S
    assert them.aside("b") == 0.0
    # Nobody was told anything for it: the line grows shorter, and one is read.
    clock.time += 2 * EACH_S
    assert them.aside("a") == 0.0
    turns(them, "a", 3)
    assert them.aside("a") > 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_MOST_KNOWN", 10)
    clock = Ticking()
    them = Refusals(clock)
    turns(them, "a", round(SAVED_S / EACH_S) + 1)
    for number in range(25):
        clock.time += ALL_S
        them._turn(f"from {number}")
    assert len(them._next) <= 10


def test_it_waits_as_long_as_that_and_gives_its_place_back() -> None:
    them = Refusals(time.monotonic)
    turns(them, "a", round(SAVED_S / EACH_S))
    threads = [threading.Thread(target=them.wait, args=("a",)) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - began >= 2 * EACH_S
    assert them._waiting == 0
