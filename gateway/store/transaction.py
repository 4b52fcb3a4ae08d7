"""One transaction: a short way to the driver for the hot path, and a long one for everything else.

What SQLAlchemy does around a statement costs several times what the statement does. Statements that
are built once (`prepared.py`) go to the driver directly, several at a time where the database is a
network away, and those whose answer nobody needs wait until the end and go together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gateway.store.longway import LongWay
from gateway.store.trip import Failed, Sent

if TYPE_CHECKING:
    from gateway.store.line import Line

Parameters = Sequence[Any]
Answer = list[tuple[Any, ...]]


class Postponable(Protocol):
    """A statement that may wait. `rank`: what must be written first has the lower one."""

    @property
    def rank(self) -> tuple[int, int]: ...

    def write(self, db: Transaction, several: Sequence[Mapping[str, Any]]) -> object: ...


class Transaction(LongWay):
    """One transaction on one connection, which begins with the first statement.

    Whoever makes it commits; what was not committed when it is closed, is undone.
    """

    def __init__(self, engine: Engine, *, shared: bool = False) -> None:
        """`shared`: by several works, each in a savepoint; one that fails ends no other's."""
        self._engine = engine
        self._shared = shared
        self.kind: str = engine.dialect.name
        # True once something was told that others follow (`feed`).
        self.news = False
        self._connection: Connection | None = None
        self._session: Session | None = None
        # SQLite's driver, or the line to PostgreSQL, once something was asked.
        self._driver: sqlite3.Connection | None = None
        self._line: Line | None = None
        self._in_trip = False
        self._postponed: dict[Postponable, list[Mapping[str, Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def dialect(self) -> Dialect:
        """How SQLAlchemy speaks to this database."""
        return self._engine.dialect

    def connection(self) -> Connection:
        """The connection, its transaction begun. Raises what the pool or the database raises."""
        if self._connection is None:
            connection = self._engine.connect()
            try:
                connection.begin()
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    @property
    def session(self) -> Session:
        """SQLAlchemy's session in this transaction; it sees what was postponed before."""
        if self._postponed or self._in_trip:
            self.write_postponed()
        if self._session is None:
            # Objects that cannot be written undo all that the session has begun.
            self._session = Session(
                self.connection(), autoflush=False, expire_on_commit=False,
                join_transaction_mode="create_savepoint" if self._shared else "rollback_only",
            )  # fmt: skip
        return self._session

    def commit(self) -> None:
        """Write what is not yet written, and commit; nothing may be asked after that.

        Raises DBAPIError.
        """
        self.write_out(and_commit=True)
        if self._connection is not None and (begun := self._connection.get_transaction()):
            begun.commit()

    def write_out(self, *, and_commit: bool = False) -> None:
        """Write what was postponed, and then what was changed of objects.

        `and_commit`: where the database is far away, on the same trip if nothing follows.
        """
        session = self._session
        if self._postponed:
            follows = session is not None and (session.new or session.dirty or session.deleted)
            self.write_postponed(and_commit=and_commit and not follows)
        if session is not None:
            session.commit()  # the transaction, or the savepoint before it, is ours

    def close(self) -> None:
        """Undo what was not committed, and give the connection back."""
        if self._connection is not None:
            self._connection.close()
        if self._session is not None:  # now, so that it has nothing left to undo
            self._session.close()

    def send(self, sql: str, parameters: Sequence[Parameters]) -> Callable[[], list[Answer]]:
        """Execute `sql` once for each of `parameters`, in this order; return how to get the rows.

        On PostgreSQL they travel together, and with what else is sent `in_one_trip`; then the rows
        are there when that ends. Raises DBAPIError, now or when rows are asked for.
        """
        if self.kind == "sqlite":
            driver = self._ready_driver()
            try:
                rows = [driver.execute(sql, one).fetchall() for one in parameters]
            except sqlite3.Error as error:
                raise self._explained(sql, error) from error
            return lambda: rows
        sent = self._put(sql, parameters)
        return lambda: [self._arrived(one).rows(one) for one in sent]

    def write(self, sql: str, parameters: Sequence[Parameters]) -> Callable[[], int]:
        """The same for what gives no rows; return how to get the number of rows it changed."""
        if self.kind == "sqlite":
            driver = self._ready_driver()
            try:
                if len(parameters) == 1:
                    cursor = driver.execute(sql, parameters[0])
                else:
                    cursor = driver.executemany(sql, parameters)
            except sqlite3.Error as error:
                raise self._explained(sql, error) from error
            return lambda: cursor.rowcount
        sent = self._put(sql, parameters)
        return lambda: sum(self._arrived(one).changed(one) for one in sent)

    @contextmanager
    def in_one_trip(self) -> Iterator[None]:
        """Let what is sent within the block travel together, where the database is far away."""
        if self.kind == "sqlite" or self._in_trip:
            yield
            return
        self._in_trip = True
        try:
            yield
        except BaseException:
            if self._line is not None:
                self._line.drop()
            raise
        finally:
            self._in_trip = False
        self._travel()

    def postpone(self, statement: Postponable, parameters: Mapping[str, Any]) -> None:
        """Execute `statement` later: at the end, or before anything else is executed.

        By then those of all callers have gathered, and each statement is sent once for all of them,
        in the order in which tables depend on each other: callers must not depend on another.
        """
        self._postponed.setdefault(statement, []).append(parameters)

    def forget(self) -> None:
        """Drop what was postponed, and what was changed of objects: the work that did it failed."""
        self._postponed = {}
        if self._session is not None:
            self._session.close()
            self._session = None

    def write_postponed(self, *, and_commit: bool = False) -> None:
        """Execute what was postponed; where the database is far away, commit on the same trip."""
        self._put_postponed()
        if self.kind != "sqlite":
            self._travel(and_commit=and_commit)  # then SQLAlchemy has nothing left to commit

    def _put_postponed(self) -> None:
        """Execute what was postponed, or let it wait for the next trip."""
        waiting, self._postponed = self._postponed, {}
        was_in_trip, self._in_trip = self._in_trip, True
        try:
            for statement in sorted(waiting, key=lambda one: one.rank):
                statement.write(self, waiting[statement])
        finally:
            self._in_trip = was_in_trip

    # -- SQLite ------------------------------------------------------------------------------------

    def _ready_driver(self) -> sqlite3.Connection:
        """The driver's own connection, its transaction begun."""
        if self._postponed:
            self._put_postponed()
        if self._driver is None:
            dbapi: Any = self.connection().connection.dbapi_connection
            self._driver = dbapi
        return cast(sqlite3.Connection, self._driver)

    # -- PostgreSQL --------------------------------------------------------------------------------

    def _put(self, sql: str, parameters: Sequence[Parameters]) -> list[Sent]:
        """Send a statement for each of `parameters`, or let it wait for the end of the trip."""
        if self._postponed:
            self._put_postponed()
        line = self._ready_line()
        try:
            sent = [line.put(sql, one) for one in parameters]
        except Failed as failed:
            line.drop()
            raise self._explained(sql, failed.cause) from failed.cause
        if not self._in_trip:
            self._travel()
        return sent

    def _ready_line(self) -> Line:
        if self._line is None:
            from gateway.store.line import line_of  # psycopg takes 10 MB of a process

            self._line = line_of(self.connection().connection)
        return self._line

    def _travel(self, *, and_commit: bool = False) -> None:
        if self._line is None and not and_commit:
            return
        try:
            self._ready_line().travel(and_commit=and_commit)
        except Failed as failed:
            raise self._explained(failed.sql, failed.cause) from failed.cause

    def _arrived(self, one: Sent) -> Line:
        """The line, after the trip of one that was sent."""
        if one.result is None:  # asked for before its trip ends
            self._travel()
        return self._ready_line()

    def _explained(self, sql: str, error: Any) -> Exception:
        """An error of the driver's in the form that SQLAlchemy's have; a dead connection goes."""
        connection = self.connection()
        dialect = connection.dialect
        module: Any = dialect.dbapi
        dead = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        if dead:
            connection.invalidate(error)
        explained: Exception = DBAPIError.instance(
            sql, None, error, module.Error,
            hide_parameters=True, connection_invalidated=dead, dialect=dialect,
        )  # fmt: skip
        return explained
