"""Tables as CSV files, whose cells no spreadsheet calculates."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The heads and the rows, each as soon as it is there; what is no text comes as JSON."""
    written = io.StringIO()
    table = csv.writer(written)

    def line(cells: Iterable[Any]) -> str:
        written.seek(0)
        written.truncate()
        table.writerow([_harmless(cell) for cell in cells])
        return written.getvalue()

    yield line(columns)
    for row in rows:
        yield line(row)


def _harmless(cell: Any) -> str:
    if cell is None:
        return ""
    text = cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()
    return "'" + text if text.startswith(_FORMULA) else text
