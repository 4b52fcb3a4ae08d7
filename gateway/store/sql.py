"""The few things that SQLite and PostgreSQL say differently, said once."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.store.models import Base

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


def insert_into(db: Session, table: type[Base]) -> Any:
    """An INSERT that knows ON CONFLICT, in the dialect of `db`."""
    if db.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def locked(db: Session, query: Query, *, skip_locked: bool = False) -> Query:
    """`query` with its rows locked; on SQLite the one writer holds the whole database anyway."""
    if db.get_bind().dialect.name == "sqlite":
        return query
    return query.with_for_update(skip_locked=skip_locked)
