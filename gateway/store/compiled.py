"""Statements in a driver's words: a text, and its parameters in the form that the driver takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from gateway.store.transaction import Parameters

Convert = Callable[[Any], Any]
Slot = tuple[str, Convert | None]

_NAMED = re.compile(r"%(?:%|\((\w+)\)s)")


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A text and its parameters, in the driver's order: a name, and how to convert the value.

    A text for PostgreSQL names its parameters as the server does: `$1`.
    """

    sql: str
    slots: tuple[Slot, ...]

    def bind(self, parameters: Mapping[str, Any]) -> Parameters:
        """Give parameters the form that the driver takes."""
        given = parameters.get
        return [
            given(name) if convert is None else convert(given(name)) for name, convert in self.slots
        ]


def compiled_of(compiled: SQLCompiler, names: tuple[str, ...]) -> Compiled:
    """What a driver needs of a compiled statement with parameters of these names."""
    dialect = compiled.dialect
    if "POSTCOMPILE" in compiled.string or compiled.insert_prefetch:
        raise TypeError(f"cannot be prepared (a list, or a default): {compiled.string}")
    sql, order = compiled.string, compiled.positiontup
    if order is None:
        sql, order = _numbered(sql)
    slots: list[Slot] = []
    for name in order:
        bind = compiled.binds[name]
        convert: Convert | None = of_dialect(bind.type, dialect).bind_processor(dialect)
        if name not in names:  # a value of ours within the statement: LIMIT 1
            convert = _always(convert(bind.value) if convert else bind.value)
        slots.append((name, convert))
    return Compiled(sql=sql, slots=tuple(slots))


def of_dialect(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return type_.dialect_impl(dialect)


def _numbered(text: str) -> tuple[str, list[str]]:
    """A text in psycopg's words (`%(name)s`) in the server's (`$1`), and the names in order."""
    places: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:  # a percent sign
            return "%"
        return f"${places.setdefault(name, len(places) + 1)}"

    return _NAMED.sub(place, text), list(places)


def _always(value: Any) -> Convert:
    return lambda _: value
