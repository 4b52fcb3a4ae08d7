"""What is kept of a search, so that a later one goes on from it."""

from __future__ import annotations

from pathlib import Path

from tests.exhaust.visited import EVERYTHING, STATES, Visited

ONE, OTHER = bytes(range(16)), bytes(range(1, 17))


def test_a_state_is_looked_at_once_and_then_for_what_was_asleep() -> None:
    met = Visited(None, b"")
    first = met.visit(ONE, 0b101)
    assert (first.is_new, first.todo & 0b111) == (True, 0b010)
    again = met.visit(ONE, 0b001)
    assert (again.is_first, again.todo & 0b111) == (False, 0b100)
    met.end(ONE, again)
    assert met.visit(ONE, 0).todo & 0b111 == 0b001


def test_what_was_looked_at_elsewhere_is_not_looked_at() -> None:
    met = Visited(None, b"")
    assert met.left(ONE) == EVERYTHING
    met.end(ONE, met.visit(ONE, 0b100))
    assert met.visit(OTHER, 0, above=met.left(ONE)).todo & 0b111 == 0b100


def test_a_later_run_goes_on_from_where_one_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "met"
    met = Visited(path, b"code")
    met.counts[STATES] = 2
    met.end(ONE, met.visit(ONE, 0b1))
    met.visit(OTHER, 0b1)  # ... and it was cut before it had looked at all of it
    met = Visited(path, b"code")
    assert met.counts[STATES] == 2
    assert met.visit(ONE, 0).todo & 0b11 == 0b01
    assert met.left(OTHER) == EVERYTHING
    again = met.visit(OTHER, 0b1)
    assert (again.is_first, again.is_new, again.todo & 0b11) == (True, False, 0b10)


def test_what_other_code_has_met_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "met"
    Visited(path, b"code").visit(ONE, 0)
    met = Visited(path, b"other code")
    assert met.visit(ONE, 0).is_new
