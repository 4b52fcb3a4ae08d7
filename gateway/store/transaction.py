"""One transaction: SQLAlchemy's session, and a short way to the driver for the hot path.

What SQLAlchemy does around a statement costs several times what the statement does. Statements that
are built once (`prepared.py`) go to the driver directly, several at a time where the database is a
network away, and those whose answer nobody needs wait until the end and go together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import ORMExecuteState, Session

Parameters = Sequence[Any] | dict[str, Any]
Answer = list[tuple[Any, ...]]


class Postponable(Protocol):
    """A statement that may wait. `rank`: what must be written first has the lower one."""

    @property
    def rank(self) -> tuple[int, int]: ...

    def write(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> object: ...


class Transaction(Session):
    """A session for one transaction on one connection. The caller commits."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, autoflush=False, expire_on_commit=False)
        self.kind: str = engine.dialect.name
        # True once something was told that others follow (`feed`).
        self.news = False
        self._driver_connection: Any = None
        self._postponed: dict[Postponable, list[Mapping[str, Any]]] = {}

    def send(self, sql: str, parameters: Sequence[Parameters]) -> Callable[[], list[Answer]]:
        """Execute `sql` once for each of `parameters`, in this order; return how to get the rows.

        On PostgreSQL they travel together, and with what else is sent `in_one_trip`; then the rows
        are there when that ends. Raises DBAPIError, now or when rows are asked for.
        """
        driver = self._ready()
        with self._explained(sql):
            if self.kind == "sqlite":
                rows = [driver.execute(sql, one).fetchall() for one in parameters]
                return lambda: rows
            if len(parameters) == 1:
                cursors = [driver.execute(sql, parameters[0], prepare=True)]
            else:
                with driver.pipeline():
                    cursors = [driver.execute(sql, one, prepare=True) for one in parameters]
        return partial(self._fetch, sql, cursors)

    def write(self, sql: str, parameters: Sequence[Parameters]) -> Callable[[], int]:
        """The same for what gives no rows; return how to get the number of rows it changed."""
        driver = self._ready()
        with self._explained(sql):
            cursor = driver.cursor()
            if len(parameters) > 1:
                cursor.executemany(sql, parameters)
            elif self.kind == "sqlite":
                cursor.execute(sql, parameters[0])
            else:
                cursor.execute(sql, parameters[0], prepare=True)
        return lambda: int(cursor.rowcount)

    def _fetch(self, sql: str, cursors: Sequence[Any]) -> list[Answer]:
        with self._explained(sql):
            return [cursor.fetchall() for cursor in cursors]

    @contextmanager
    def in_one_trip(self) -> Iterator[None]:
        """Let what is sent within the block travel together, where the database is far away."""
        if self.kind == "sqlite":
            yield
        else:
            with self._explained("(several statements)"), self._driver().pipeline():
                yield

    def postpone(self, statement: Postponable, parameters: Mapping[str, Any]) -> None:
        """Execute `statement` later: at the end, or before anything else is executed.

        By then those of all callers have gathered, and each statement is sent once for all of them,
        in the order in which tables depend on each other: callers must not depend on another.
        """
        self._postponed.setdefault(statement, []).append(parameters)

    def forget_postponed(self) -> None:
        """Drop what was postponed: the work that wanted it failed."""
        self._postponed = {}

    def write_postponed(self, *, and_commit: bool = False) -> None:
        """Execute what was postponed; where the database is far away, commit on the same trip."""
        waiting, self._postponed = self._postponed, {}
        with self.in_one_trip():
            for statement in sorted(waiting, key=lambda one: one.rank):
                statement.write(self, waiting[statement])
            if and_commit and self.kind != "sqlite":
                self._driver().commit()  # and then there is nothing left for SQLAlchemy to commit

    def _ready(self) -> Any:
        if self._postponed:
            self.write_postponed()
        return self._driver()

    def _driver(self) -> Any:
        """The driver's own connection, its transaction begun."""
        if self._driver_connection is None:
            self._driver_connection = self.connection().connection.dbapi_connection
        return self._driver_connection

    @contextmanager
    def _explained(self, sql: str) -> Iterator[None]:
        """Give the driver's errors the form that SQLAlchemy's have; a dead connection goes."""
        connection = self.connection()
        dialect = connection.dialect
        module: Any = dialect.dbapi
        try:
            yield
        except module.Error as error:
            dead = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
            if dead:
                connection.invalidate(error)
            raise DBAPIError.instance(
                sql, None, error, module.Error,
                hide_parameters=True, connection_invalidated=dead, dialect=dialect,
            ) from error  # fmt: skip


@event.listens_for(Transaction, "do_orm_execute")
def _in_order(state: ORMExecuteState) -> None:
    """Whatever takes the long way sees what was postponed before it."""
    db = state.session
    if isinstance(db, Transaction) and db._postponed:
        db.write_postponed()


@event.listens_for(Transaction, "before_commit")
def _at_the_end(db: Session) -> None:
    if isinstance(db, Transaction) and db._postponed:
        is_all = not (db.in_nested_transaction() or db.new or db.dirty or db.deleted)
        db.write_postponed(and_commit=is_all)
