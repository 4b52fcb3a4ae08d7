"""The few things that SQLite and PostgreSQL say differently, said once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import ColumnElement, Select, Table, func, literal_column
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.models import Base
from gateway.store.transaction import Transaction

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one of the two databases says it."""

    name: Literal["sqlite", "postgresql"]

    def insert(self, table: Table | type[Base]) -> Any:
        """An INSERT that knows ON CONFLICT."""
        return sqlite.insert(table) if self.name == "sqlite" else postgresql.insert(table)

    def put(self, table: Table) -> Any:
        """An INSERT that, where there is a row of that key, changes all the rest of it."""
        row, key = self.insert(table), table.primary_key.columns
        rest = {one.name: row.excluded[one.name] for one in table.c if one.name not in key}
        return row.on_conflict_do_update(index_elements=list(key), set_=rest)

    def locked(self, query: Query, *, of: Any = None) -> Query:
        """`query` with its rows locked; on SQLite the one writer holds everything anyway."""
        return query if self.name == "sqlite" else query.with_for_update(of=of)

    def least(self, one: Any, other: Any) -> ColumnElement[Any]:
        """The smaller of two values."""
        return func.min(one, other) if self.name == "sqlite" else func.least(one, other)

    def greatest(self, one: Any, other: Any) -> ColumnElement[Any]:
        """The larger of two values."""
        return func.max(one, other) if self.name == "sqlite" else func.greatest(one, other)


DIALECTS = {"sqlite": Dialect("sqlite"), "postgresql": Dialect("postgresql")}


def dialect_of(db: Transaction) -> Dialect:
    """The dialect that `db` speaks."""
    return DIALECTS[db.kind]


def literals(*words: str) -> list[ColumnElement[str]]:
    """Words of ours, written into a statement: `column.in_(literals("due", "asking"))`.

    A planner that knows them finds the partial index for them; one that gets them as parameters
    does not.
    """
    return [literal_column(f"'{word}'") for word in words]


def table_of(model: type[Base]) -> Table:
    """The bare table of a model: statements on it skip the work of mapping objects."""
    return cast(Table, model.__table__)


def insert_into(db: Transaction, table: type[Base]) -> Any:
    """An INSERT that knows ON CONFLICT, in the dialect of `db`."""
    return dialect_of(db).insert(table)


def locked(db: Transaction, query: Query) -> Query:
    """`query` with its rows locked; on SQLite the one writer holds the whole database anyway."""
    return dialect_of(db).locked(query)
