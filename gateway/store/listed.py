"""One statement for many rows on PostgreSQL: they travel as one text and are a table there.

A statement costs its way through driver, socket and server, many times what its rows cost; and a
driver looks at each value of each row. So rows go as JSON, which is written and read in C, and
`json_to_recordset` makes a table of them: INSERT … SELECT, UPDATE … FROM, and SELECT (`forms.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    Executable,
    Insert,
    LargeBinary,
    String,
    TableValuedAlias,
    Text,
    Update,
    column,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql.dml import OnConflictDoUpdate
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression
from sqlalchemy.sql.visitors import iterate, replacement_traverse
from sqlalchemy.types import NullType, TypeEngine

from gateway.store.compiled import Compiled, compiled_of
from gateway.store.transaction import Parameters

Row = Mapping[str, Any]
Types = Mapping[str, TypeEngine[Any]]

_ROWS = "given"
# A field that no row has.
_RARE = "given_rare"


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A statement's text for a list of rows. `keys`: what must differ between any two of them."""

    text: Compiled
    keys: tuple[str, ...]

    def takes(self, rows: Sequence[Row]) -> bool:
        """False if it would do less than the rows one after the other: of one row's two changes,
        an UPDATE makes one."""
        if not self.keys:
            return True
        return len({tuple(row[key] for key in self.keys) for row in rows}) == len(rows)

    def bind(self, rows: Sequence[Row]) -> Parameters:
        """The rows in the form that the driver takes."""
        return self.text.bind(in_one_text(rows))


def listed(statement: Executable, types: Types, dialect: Dialect) -> Listed | None:
    """The statement for many rows with values of these types; None if there is no such.

    It gives no rows itself, and what it does to one row does not depend on another.
    """
    if dialect.name != "postgresql" or not types:
        return None
    if any(isinstance(one, NullType) for one in types.values()):
        return None
    if isinstance(statement, Insert):
        return _inserting(statement, types, dialect)
    if isinstance(statement, Update):
        return _updating(statement, types, dialect)
    return None


def _inserting(statement: Insert, types: Types, dialect: Dialect) -> Listed | None:
    of_table = types.keys() <= set(statement.table.columns.keys())
    conflicts = cast(Any, statement)._post_values_clause
    if not of_table or isinstance(conflicts, OnConflictDoUpdate):
        return None
    rows, values = table_of_rows(types)
    given = select(*values.values()).select_from(rows)
    written = statement.from_select(list(types), given, include_defaults=False)
    return Listed(over_rows(written, dialect), ())


def _updating(statement: Update, types: Types, dialect: Dialect) -> Listed | None:
    keys = _keys(statement)
    if keys is None:
        return None
    _, values = table_of_rows(types)

    def of_given(element: Any, **_: Any) -> Any:
        return values.get(element.key) if isinstance(element, BindParameter) else None

    def from_given(element: Any) -> Any:
        return replacement_traverse(element, {}, of_given)

    parts = cast(Any, statement)
    named = {one.key for one in iterate(statement) if isinstance(one, BindParameter)}
    written = update(statement.table).where(*map(from_given, parts._where_criteria))
    sets = {name: from_given(value) for name, value in (parts._values or {}).items()}
    sets |= {name: values[name] for name in types if name not in named}
    written = written.values(sets)
    # The planner takes a table of parameters for a hundred rows, and would read all of a small
    # table for them, until it learns better. A condition that it takes for rare makes it look up
    # each row by its key.
    written = written.where(literal_column(f"{_ROWS}.{_RARE}").is_(None))
    return Listed(over_rows(written, dialect), keys)


def _keys(statement: Update) -> tuple[str, ...] | None:
    """The parameters that say which rows are meant, if they alone do, by being equal."""
    names = []
    for condition in cast(Any, statement)._where_criteria:
        binds = [one for one in iterate(condition) if isinstance(one, BindParameter)]
        if not binds:
            continue
        equal = isinstance(condition, BinaryExpression) and condition.operator is operators.eq
        if not equal or condition.right is not binds[0]:
            return None
        names.append(str(binds[0].key))
    return tuple(names) or None


def table_of_rows(types: Types) -> tuple[TableValuedAlias, dict[str, ColumnElement[Any]]]:
    """The table of parameters, and each one's value in it."""
    columns = [
        column(name, Text() if isinstance(type_, LargeBinary) else type_)
        for name, type_ in types.items()
    ]
    text = BindParameter(_ROWS, type_=String(), unique=False)
    rows = (
        func.json_to_recordset(sql_cast(text, JSON()))
        .table_valued(*columns, column(_RARE, BigInteger()))
        .render_derived(name=_ROWS, with_types=True)
    )
    values: dict[str, ColumnElement[Any]] = {
        name: (
            func.decode(rows.c[name], literal_column("'base64'"))
            if isinstance(type_, LargeBinary)
            else rows.c[name]
        )
        for name, type_ in types.items()
    }
    return rows, values


def in_one_text(rows: Sequence[Row]) -> Row:
    """The one parameter of a statement over a table of rows."""
    return {_ROWS: msgspec.json.encode(rows).decode()}


def over_rows(statement: Executable, dialect: Dialect) -> Compiled:
    """Compile a statement over a table of rows."""
    return compiled_of(cast(Any, statement).compile(dialect=dialect), (_ROWS,))
