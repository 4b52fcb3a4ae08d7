"""The few things that SQLite and PostgreSQL say differently, said once; and statements built once.

Building a statement costs several times what running it does, so the hot path prepares its own:
`Prepared(lambda sql: sql.insert(Table)...)`, run with `db.execute(prepared.on(db), parameters)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import ColumnElement, Executable, Select, Table, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.store.models import Base

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one of the two databases says it."""

    name: Literal["sqlite", "postgresql"]

    def insert(self, table: Table | type[Base]) -> Any:
        """An INSERT that knows ON CONFLICT."""
        return sqlite.insert(table) if self.name == "sqlite" else postgresql.insert(table)

    def locked(self, query: Query, *, of: Any = None) -> Query:
        """`query` with its rows locked; on SQLite the one writer holds everything anyway."""
        return query if self.name == "sqlite" else query.with_for_update(of=of)

    def least(self, one: Any, other: Any) -> ColumnElement[Any]:
        """The smaller of two values."""
        return func.min(one, other) if self.name == "sqlite" else func.least(one, other)

    def greatest(self, one: Any, other: Any) -> ColumnElement[Any]:
        """The larger of two values."""
        return func.max(one, other) if self.name == "sqlite" else func.greatest(one, other)


_DIALECTS = {"sqlite": Dialect("sqlite"), "postgresql": Dialect("postgresql")}


def dialect_of(db: Session) -> Dialect:
    """The dialect that `db` speaks."""
    return _DIALECTS[db.get_bind().dialect.name]


class Prepared:
    """A statement that is built once per dialect; values come as parameters."""

    def __init__(self, build: Callable[[Dialect], Executable]) -> None:
        self._build = build
        self._built: dict[str, Executable] = {}

    def on(self, db: Session) -> Executable:
        """The statement for this database."""
        name = db.get_bind().dialect.name
        built = self._built.get(name)
        if built is None:
            built = self._built[name] = self._build(_DIALECTS[name])
        return built


def table_of(model: type[Base]) -> Table:
    """The bare table of a model: statements on it skip the work of mapping objects."""
    return cast(Table, model.__table__)


def insert_into(db: Session, table: type[Base]) -> Any:
    """An INSERT that knows ON CONFLICT, in the dialect of `db`."""
    return dialect_of(db).insert(table)


def locked(db: Session, query: Query) -> Query:
    """`query` with its rows locked; on SQLite the one writer holds the whole database anyway."""
    return dialect_of(db).locked(query)
