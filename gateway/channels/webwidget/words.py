"""Words from outside, made fit for a database."""

from __future__ import annotations


def fit(text: str) -> str:
    """`text` without what PostgreSQL does not keep: NUL, and halves of surrogate pairs."""
    return "".join(letter for letter in text if letter != "\x00" and not _is_half(letter))


def _is_half(letter: str) -> bool:
    return "\ud800" <= letter <= "\udfff"
