"""Searching for words: the same words for whoever looks, on either database.

Every word asked for must begin a word of the text (a single letter must be one), in any case. On
PostgreSQL the words of a row stand in a column that the database makes itself (`words`, generated;
no model tells of it) with an index over it: it costs no statement, and what is redacted is gone
from it in the same commit. SQLite asks us.
"""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, func, literal_column

SEARCHED = 20_000
"""How many characters of a text are searched: a tsvector that grows too large would be an error."""

SAYS = {"messages": "text", "contacts": "coalesce(name, '') || ' ' || coalesce(email, '')"}
"""What is searched of the rows of which tables."""

_MOST_WORDS = 16
# What parts words: all of ASCII's signs, since PostgreSQL's parser would take `carol@example.com`,
# `-1042` or `parcel.jpg` for one word; others, since it takes them for letters in the locale `C`.
_SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»“”„‘’…–—·、。，！？：；（）「」\u00a0\u3000"
_PARTED = str.maketrans(_SIGNS, " " * len(_SIGNS))
_SPACES = re.compile(r"\s+")


def words_of(asked: str) -> tuple[str, ...]:
    """The words to look for, folded; empty if there are only signs."""
    return tuple(dict.fromkeys(_folded(asked).split()))[:_MOST_WORDS]


def says(text: str | None, asked: str) -> bool:
    """True if a text has all the words (`" ".join(words_of(…))`) that are asked for."""
    if not text:
        return False
    within = f" {_folded(text[:SEARCHED])} "
    return all(
        (f" {word}" if _begins(word) else f" {word} ") in within for word in asked.split(" ")
    )


def row_says(dialect: str, table: str, words: tuple[str, ...]) -> ColumnElement[bool]:
    """The condition that a row of one of the tables of `SAYS` has all these words."""
    if dialect == "sqlite":
        return func.says(literal_column(f"({SAYS[table]})"), " ".join(words))
    asked = func.to_tsquery(literal_column("'simple'"), _tsquery(words))
    return literal_column(f"{table}.words").op("@@")(asked)


def _tsquery(words: tuple[str, ...]) -> str:
    return " & ".join(f"({' | '.join(_forms(word))})" for word in words)


def _forms(word: str) -> list[str]:
    """A word as a tsquery. The locale `C` folds ASCII only, so other words come in each case."""
    ending = ":*" if _begins(word) else ""
    cases = [word] if word.isascii() else [word, word.upper(), word.capitalize()]
    return [f"{one}{ending}" for one in dict.fromkeys(cases)]


def _begins(word: str) -> bool:
    """True if a longer word may begin with it: after one letter of ASCII's there are too many."""
    return len(word) > 1 or not word.isascii()


def _folded(text: str) -> str:
    return _SPACES.sub(" ", text.translate(_PARTED)).strip().lower()
