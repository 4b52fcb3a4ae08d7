"""Statements that are built once and then go to the driver directly: the hot path's way.

    _KNOWN = Prepared(lambda _: select(FACTS.c.kind).where(FACTS.c.id == bindparam("fact")))
    rows = _KNOWN.run(db, {"fact": id})

Written with SQLAlchemy Core, so one text serves both databases; compiled once for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Executable

from gateway.store.forms import Asked, Form, compile_form
from gateway.store.sql import DIALECTS, Dialect
from gateway.store.transaction import Transaction


class Prepared:
    """A statement that is built once per database; values come as parameters.

    The names of a call's parameters are part of it: an INSERT or UPDATE sets what it is given.
    Lists of values cannot be parameters; fixed words go in with `sql.literals`.
    """

    def __init__(self, build: Callable[[Dialect], Executable]) -> None:
        self._build = build
        self._forms: dict[tuple[str, tuple[str, ...]], Form] = {}

    def run(self, db: Transaction, parameters: Mapping[str, Any]) -> list[Any]:
        """Execute it and return its rows, as named tuples. Raises DBAPIError."""
        answers = self.ask(db, [parameters])()
        return answers[0] if answers else []

    def first(self, db: Transaction, parameters: Mapping[str, Any]) -> Any | None:
        """Execute it and return its first row; None if it has none. Raises DBAPIError."""
        rows = self.run(db, parameters)
        return rows[0] if rows else None

    def each(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """Execute it for each of `several`, in one round trip; return each one's rows.

        All of them have the same names. Raises DBAPIError.
        """
        return self.ask(db, several)()

    def ask(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> Asked:
        """The same, but return how to get the rows: for what goes `in_one_trip` with others."""
        return self._form(db, several[0]).ask(db, several) if several else list

    def ask_all(
        self, db: Transaction, several: Sequence[Mapping[str, Any]]
    ) -> Callable[[], list[Any]]:
        """The same, for whom it does not matter which of `several` a row answers: one list."""
        asked = self.ask(db, several)
        return lambda: [row for rows in asked() for row in rows]

    def count(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> Callable[[], int]:
        """Execute what gives no rows; return how to get the number of rows it changed."""
        return self._form(db, several[0]).write(db, several)

    def later(self, db: Transaction, parameters: Mapping[str, Any]) -> None:
        """Execute it at the end of the transaction, together with those of others."""
        db.postpone(self._form(db, parameters), parameters)

    def _form(self, db: Transaction, parameters: Mapping[str, Any]) -> Form:
        key = (db.kind, tuple(parameters))
        form = self._forms.get(key)
        if form is None:
            statement = self._build(DIALECTS[db.kind])
            form = self._forms[key] = compile_form(statement, db.dialect, key[1])
        return form
