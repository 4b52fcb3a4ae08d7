"""Statements in a driver's words: for one set of parameters, and on PostgreSQL for many at once.

There a statement costs its way through driver, socket and server, many times what its rows cost.
So a SELECT for many sets of parameters becomes one SELECT over a table of them; INSERT and UPDATE
take lists of rows (`listed.py`). What cannot be had so goes row by row, in one pipeline.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Executable,
    Insert,
    Select,
    literal_column,
    select,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import TypeEngine

from gateway.store.compiled import Compiled, Convert, compiled_of, of_dialect
from gateway.store.listed import Listed, in_one_text, listed, over_rows, table_of_rows
from gateway.store.models import Base
from gateway.store.transaction import Answer, Transaction

Asked = Callable[[], list[list[Any]]]

_PLACE = "given_place"
_TABLES: dict[Any, int] = {table: place for place, table in enumerate(Base.metadata.sorted_tables)}


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A statement for parameters of certain names. `rank`: the lower one must be written first."""

    one: Compiled
    many: Compiled | None
    listed: Listed | None
    rank: tuple[int, int]
    # What its rows are, None if it has none; and which of their values must be converted.
    row: Callable[[Sequence[Any]], Any] | None
    converters: tuple[tuple[int, Convert], ...]

    def ask(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> Asked:
        """Execute it for each of `several`; return how to get each one's rows."""
        if self.row is None:
            self.write(db, several)
            return list
        if self.many is None or len(several) == 1:
            sent = db.send(self.one.sql, [self.one.bind(one) for one in several])
            return partial(self._each, sent)
        rows = [{**one, _PLACE: place} for place, one in enumerate(several, 1)]
        sent = db.send(self.many.sql, [self.many.bind(in_one_text(rows))])
        return partial(self._placed, sent, len(several))

    def write(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> Callable[[], int]:
        """Execute it for each of `several`; return how to get the number of rows it changed."""
        if len(several) > 1 and self.listed is not None and self.listed.takes(several):
            return db.write(self.listed.text.sql, [self.listed.bind(several)])
        return db.write(self.one.sql, [self.one.bind(one) for one in several])

    def _each(self, sent: Callable[[], list[Answer]]) -> list[list[Any]]:
        return [self._rows(found) for found in sent()]

    def _placed(self, sent: Callable[[], list[Answer]], count: int) -> list[list[Any]]:
        """Each row is led by the place, from 1, of the parameters that it answers."""
        places: list[list[Any]] = [[] for _ in range(count)]
        (led,) = sent()
        for (place, *_), row in zip(led, self._rows([one[1:] for one in led]), strict=True):
            places[place - 1].append(row)
        return places

    def _rows(self, found: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self.row is None or not found:
            return []
        if not self.converters:
            return [self.row(values) for values in found]
        rows = []
        for one in found:
            values = list(one)
            for place, convert in self.converters:
                values[place] = convert(values[place])
            rows.append(self.row(values))
        return rows


def compile_form(statement: Executable, dialect: Dialect, names: tuple[str, ...]) -> Form:
    """Compile a statement for parameters of these names; raises TypeError if it cannot be done."""
    exported = list(cast(Any, statement).exported_columns.items())
    converters: list[tuple[int, Convert]] = []
    for place, (_, column) in enumerate(exported):
        convert = of_dialect(column.type, dialect).result_processor(dialect, None)
        if convert is not None:
            converters.append((place, convert))
    columns = tuple(name for name, _ in exported)
    row: Any = namedtuple("Row", columns) if columns else None
    compiled = cast(Any, statement).compile(dialect=dialect, column_keys=names)
    types = {name: compiled.binds[name].type for name in names}
    many = None
    if dialect.name == "postgresql" and isinstance(statement, Select) and names:
        many = over_rows(_for_many(statement, types), dialect)
    return Form(
        one=compiled_of(compiled, names),
        many=many,
        listed=None if columns else listed(statement, types, dialect),
        # The closed row before the new one: no two may be active at any moment.
        rank=(
            _TABLES.get(getattr(statement, "table", None), 0),
            int(isinstance(statement, Insert)),
        ),
        row=row._make if row else None,
        converters=tuple(converters),
    )


def _for_many(statement: Select[Any], types: Mapping[str, TypeEngine[Any]]) -> Select[Any]:
    """A SELECT over a table of parameters.

    OFFSET 0 keeps the planner from looking into it: over a table that it takes for small, it would
    read all of it, until it learns better. The table is of JSON rather than of arrays: how many
    elements an array has the planner knows each time, and so plans each time anew.
    """
    given, values = table_of_rows({**types, _PLACE: BigInteger()})

    def of_given(element: Any, **_: Any) -> Any:
        return values.get(element.key) if isinstance(element, BindParameter) else None

    inner = cast(Any, replacement_traverse(statement, {}, of_given))
    inner = inner.offset(literal_column("0")).lateral("found")
    return select(given.c[_PLACE], *inner.c).select_from(given.join(inner, true()))
