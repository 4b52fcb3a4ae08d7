"""Which statements a database is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from gateway.store import Database, Transaction


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Give a list of those that are executed inside, as they come."""
    said: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    def noting(send: Callable[..., Any]) -> Callable[..., Any]:
        def noted(db: Transaction, statement: str, parameters: Any) -> Any:
            if db.connection().engine.pool is database.engine.pool:
                said.append(statement)
            return send(db, statement, parameters)

        return noted

    # What is prepared goes past SQLAlchemy, to the driver.
    sends = {name: getattr(Transaction, name) for name in ("send", "write")}
    event.listen(database.engine, "before_cursor_execute", note)
    for name, send in sends.items():
        setattr(Transaction, name, noting(send))
    try:
        yield said
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
        for name, send in sends.items():
            setattr(Transaction, name, send)
