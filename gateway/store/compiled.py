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

_NAMED = re.compile(r"%\((\w+)\)s")


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


def compiled_of(compiled: SQLCompiler, names: tuple[str, ...]) -> Compiled:
    """What a driver needs of a compiled statement with parameters of these names."""
    dialect = compiled.dialect
    if "POSTCOMPILE" in compiled.string or compiled.insert_prefetch:
        raise TypeError(f"cannot be prepared (a list, or a default): {compiled.string}")
    positional = compiled.positiontup is not None
    order = compiled.positiontup or dict.fromkeys(_NAMED.findall(compiled.string))
    slots: list[Slot] = []
    for name in order:
        bind = compiled.binds[name]
        convert: Convert | None = of_dialect(bind.type, dialect).bind_processor(dialect)
        if name not in names:  # a value of ours within the statement: LIMIT 1
            convert = _always(convert(bind.value) if convert else bind.value)
        slots.append((name, convert))
    return Compiled(sql=compiled.string, slots=tuple(slots), positional=positional)


def of_dialect(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return type_.dialect_impl(dialect)


def _always(value: Any) -> Convert:
    return lambda _: value
