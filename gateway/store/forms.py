"""Statements in a driver's words: for one set of parameters, and on PostgreSQL for many at once.

There a statement costs its way through driver, socket and server, many times what its rows cost.
So a SELECT for many sets of parameters becomes one SELECT over a table of them, and an INSERT takes
several rows. (INSERT over a table of parameters would be shorter, but psycopg spends more on lists
of texts than that saves.) An UPDATE goes row by row, in one pipeline.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    Executable,
    Insert,
    Select,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import TypeEngine

from gateway.store.models import Base
from gateway.store.transaction import Answer, Parameters, Transaction

Convert = Callable[[Any], Any]
Slot = tuple[str, Convert | None]
Asked = Callable[[], list[list[Any]]]

_GROUPS = (16, 4)
_NAMED = re.compile(r"%\((\w+)\)s")
_TABLES: dict[Any, int] = {table: place for place, table in enumerate(Base.metadata.sorted_tables)}


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A text and its parameters, in the driver's order: a name, and how to convert the value."""

    sql: str
    slots: tuple[Slot, ...]
    positional: bool

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


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A statement for parameters of certain names. `rank`: the lower one must be written first."""

    one: Compiled
    many: Compiled | None
    # An INSERT for so many rows at once, the larger ones first.
    groups: tuple[tuple[int, Compiled], ...]
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
        columns = {name: [one[name] for one in several] for name in several[0]}
        sent = db.send(self.many.sql, [self.many.bind(columns)])
        return partial(self._placed, sent, len(several))

    def write(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> Callable[[], int]:
        """Execute it for each of `several`; return how to get the number of rows it changed."""
        counts = []
        rest = list(several)
        for size, compiled in self.groups:
            while len(rest) >= size:
                group, rest = rest[:size], rest[size:]
                named = {
                    _numbered(name, place): value
                    for place, one in enumerate(group)
                    for name, value in one.items()
                }
                counts.append(db.write(compiled.sql, [compiled.bind(named)]))
        if rest:
            counts.append(db.write(self.one.sql, [self.one.bind(one) for one in rest]))
        return lambda: sum(count() for count in counts)

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
        convert = _of_dialect(column.type, dialect).result_processor(dialect, None)
        if convert is not None:
            converters.append((place, convert))
    columns = tuple(name for name, _ in exported)
    row: Any = namedtuple("Row", columns) if columns else None
    compiled = cast(Any, statement).compile(dialect=dialect, column_keys=names)
    types = {name: compiled.binds[name].type for name in names}
    many, groups = None, []
    if dialect.name == "postgresql" and isinstance(statement, Select) and names:
        many = _compiled(_for_many(statement, types).compile(dialect=dialect), names)
    elif dialect.name == "postgresql" and isinstance(statement, Insert) and not columns:
        # What an INSERT does about conflicts may depend on each one's parameters: then one by one.
        of_table = types.keys() <= set(statement.table.columns.keys())
        for size in _GROUPS if of_table else ():
            numbered = tuple(_numbered(name, place) for name in names for place in range(size))
            grouped = _for_group(statement, types, size).compile(dialect=dialect)
            groups.append((size, _compiled(grouped, numbered)))
    return Form(
        one=_compiled(compiled, names),
        many=many,
        groups=tuple(groups),
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
    read all of it, until it learns better.
    """
    lists = [
        BindParameter(name, type_=ARRAY(type_, dimensions=1), unique=False)
        for name, type_ in types.items()
    ]
    given = (
        func.unnest(*lists)
        .table_valued(*types, with_ordinality="place", name="given")
        .render_derived()
    )

    def of_given(element: Any, **_: Any) -> Any:
        if isinstance(element, BindParameter) and element.key in types:
            return given.c[element.key]
        return None

    inner = cast(Any, replacement_traverse(statement, {}, of_given))
    inner = inner.offset(literal_column("0")).lateral("found")
    return select(given.c.place, *inner.c).select_from(given.join(inner, true()))


def _for_group(statement: Insert, types: Mapping[str, TypeEngine[Any]], size: int) -> Insert:
    """An INSERT of so many rows."""
    rows = [
        {
            name: BindParameter(_numbered(name, place), type_=type_, unique=False)
            for name, type_ in types.items()
        }
        for place in range(size)
    ]
    return statement.values(rows)


def _numbered(name: str, place: int) -> str:
    return f"{name}_{place}"


def _compiled(compiled: SQLCompiler, names: tuple[str, ...]) -> Compiled:
    """What a driver needs of a compiled statement with parameters of these names."""
    dialect = compiled.dialect
    if "POSTCOMPILE" in compiled.string or compiled.insert_prefetch:
        raise TypeError(f"cannot be prepared (a list, or a default): {compiled.string}")
    positional = compiled.positiontup is not None
    order = compiled.positiontup or dict.fromkeys(_NAMED.findall(compiled.string))
    slots: list[Slot] = []
    for name in order:
        bind = compiled.binds[name]
        convert: Convert | None = _of_dialect(bind.type, dialect).bind_processor(dialect)
        if name not in names:  # a value of ours within the statement: LIMIT 1
            convert = _always(convert(bind.value) if convert else bind.value)
        slots.append((name, convert))
    return Compiled(sql=compiled.string, slots=tuple(slots), positional=positional)


def _of_dialect(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return type_.dialect_impl(dialect)


def _always(value: Any) -> Convert:
    return lambda _: value
