"""Statements that are built once and then go to the driver directly: the hot path's way.

    _KNOWN = Prepared(lambda _: select(FACTS.c.kind).where(FACTS.c.id == bindparam("fact")))
    rows = _KNOWN.run(db, {"fact": id})

Written with SQLAlchemy Core, so one text serves both databases; compiled once for each of them.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Executable
from sqlalchemy.engine import Dialect as EngineDialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from gateway.store.models import Base
from gateway.store.sql import DIALECTS, Dialect
from gateway.store.transaction import Parameters, Transaction

Convert = Callable[[Any], Any]

_NAMED = re.compile(r"%\((\w+)\)s")
_TABLES: dict[Any, int] = {table: place for place, table in enumerate(Base.metadata.sorted_tables)}


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
        answers = self.each(db, [parameters])
        return answers[0] if answers else []

    def first(self, db: Transaction, parameters: Mapping[str, Any]) -> Any | None:
        """Execute it and return its first row; None if it has none. Raises DBAPIError."""
        rows = self.run(db, parameters)
        return rows[0] if rows else None

    def each(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """Execute it for each of `several`, in this order and in one round trip; each one's rows.

        All of them have the same names.
        """
        if not several:
            return []
        form = self._form(db, several[0])
        bound = [form.bind(parameters) for parameters in several]
        answers = db.ask(form.sql, bound, answers=form.row is not None)
        return [form.read(answer) for answer in answers]

    def later(self, db: Transaction, parameters: Mapping[str, Any]) -> None:
        """Execute it at the end of the transaction, together with those of others."""
        form = self._form(db, parameters)
        db.postpone(form, form.bind(parameters))

    def _form(self, db: Transaction, parameters: Mapping[str, Any]) -> Form:
        key = (db.kind, tuple(parameters))
        form = self._forms.get(key)
        if form is None:
            built = self._build(DIALECTS[db.kind])
            form = self._forms[key] = _compile(built, db.get_bind().dialect, key[1])
        return form


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A statement in a driver's words, for parameters of certain names."""

    sql: str
    rank: tuple[int, int]
    # In the driver's order: a parameter's name and how to convert it.
    slots: tuple[tuple[str, Convert | None], ...]
    positional: bool
    row: Callable[[Sequence[Any]], Any] | None
    converters: tuple[tuple[int, Convert], ...]

    def bind(self, parameters: Mapping[str, Any]) -> Parameters:
        """Give parameters the form that the driver takes."""
        given = parameters.get
        if self.positional:
            return [
                given(name) if convert is None else convert(given(name))
                for name, convert in self.slots
            ]
        return {
            name: given(name) if convert is None else convert(given(name))
            for name, convert in self.slots
        }

    def read(self, answer: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Give rows the form that callers take."""
        if not answer or self.row is None:
            return []
        if not self.converters:
            return [self.row(values) for values in answer]
        rows = []
        for found in answer:
            values = list(found)
            for place, convert in self.converters:
                values[place] = convert(values[place])
            rows.append(self.row(values))
        return rows


def _compile(statement: Executable, dialect: EngineDialect, names: tuple[str, ...]) -> Form:
    compiled = cast(SQLCompiler, cast(Any, statement).compile(dialect=dialect, column_keys=names))
    if "POSTCOMPILE" in compiled.string or compiled.insert_prefetch:
        raise TypeError(f"cannot be prepared (a list, or a default): {compiled.string}")
    positional = compiled.positiontup is not None
    order = compiled.positiontup or dict.fromkeys(_NAMED.findall(compiled.string))
    slots: list[tuple[str, Convert | None]] = []
    for name in order:
        bind = compiled.binds[name]
        convert: Convert | None = _of_dialect(bind.type, dialect).bind_processor(dialect)
        if name not in names:  # a value of ours within the statement: LIMIT 1
            convert = _always(convert(bind.value) if convert else bind.value)
        slots.append((name, convert))
    columns = list(cast(Any, statement).exported_columns.items())
    converters: list[tuple[int, Convert]] = []
    for place, (_, column) in enumerate(columns):
        convert = _of_dialect(column.type, dialect).result_processor(dialect, None)
        if convert is not None:
            converters.append((place, convert))
    row: Any = namedtuple("Row", [name for name, _ in columns]) if columns else None
    return Form(
        sql=compiled.string,
        # The closed row before the new one: no two may be active at any moment.
        rank=(_TABLES.get(getattr(statement, "table", None), 0), int(compiled.isinsert)),
        slots=tuple(slots),
        positional=positional,
        row=row._make if row else None,
        converters=tuple(converters),
    )


def _of_dialect(type_: TypeEngine[Any], dialect: EngineDialect) -> TypeEngine[Any]:
    return type_.dialect_impl(dialect)


def _always(value: Any) -> Convert:
    return lambda _: value
