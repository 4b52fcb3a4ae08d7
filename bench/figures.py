"""Figures: quantiles, spreads and tables as people read them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of all do not exceed (nearest rank); nan of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of the same: the middle and how far they lie apart."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take the measurements."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The middle."""
        return statistics.median(self.values)

    def text(self, form: str = ".0f") -> str:
        """Return `median (min to max)`."""
        low, high = min(self.values), max(self.values)
        return f"{self.median:{form}} ({low:{form}} to {high:{form}})"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows, the first of which are the headings; all but the first column to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def goal(what: str, reached: bool) -> str:
    """Return one line about a goal."""
    return f"{'REACHED ' if reached else 'MISSED  '}{what}"
