"""One database, two kinds: transactions that read, transactions that write, and when to try again.

SQLite allows one writer at a time. A read-then-write in a deferred transaction fails there at once
in spite of any timeout, so writers begin IMMEDIATE; and since SQLite's own waiting sleeps up to
0.1 s at a time, and with it every greenlet of a web process, they queue on a lock of ours first and
wait for other programs in naps. What the threads of a process write at the same moment shares one
transaction, and so one wait for the disk.

On PostgreSQL whoever only reads opens no transaction: each statement sees what is committed when it
begins, as within one (READ COMMITTED). It saves the trips of BEGIN and ROLLBACK.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import Engine, create_engine, event, literal_column, make_url, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.clock import Clock, SystemClock, to_micros
from gateway.errors import Unavailable
from gateway.store.prepared import Prepared
from gateway.store.together import Together
from gateway.store.transaction import Transaction
from gateway.store.turnstile import Turnstile
from gateway.store.words import says

T = TypeVar("T")

PATIENCE_S = 3.0
"""How long a transaction waits for a lock or a statement before the answer is 503."""

_NOW = Prepared(
    lambda _: select(
        literal_column("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint").label("micros")
    )
)
_ATTEMPTS = 3
_NEVER = 2**31
_MOST_TOGETHER = 16
_NAP_S = 0.005
_AFTER_YOU_S = 0.02
_SERIALIZATION, _DEADLOCK = "40001", "40P01"
_NO_SUCH_TABLES = ("42P01", "42703")


Work = Callable[[Transaction], Any]


@dataclass(frozen=True, slots=True)
class _Done:
    """What a work came to."""

    value: Any = None
    error: Exception | None = None

    def result(self) -> Any:
        """Return what it returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self.value


def engine_url(url: str) -> str:
    """The URL with the drivers we use: psycopg 3 for PostgreSQL."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


class Database:
    """An engine, and the two ways to use it. Nothing is opened before the first transaction."""

    def __init__(self, url: str, *, clock: Clock | None = None, pool_size: int = 10) -> None:
        self.clock = clock or SystemClock()
        self.is_sqlite = url.startswith("sqlite")
        self._turnstile: Turnstile | None = None
        options: dict[str, Any] = {"json_serializer": _encode_json, "json_deserializer": _decode}
        if self.is_sqlite:
            path = make_url(url).database
            if not path or path == ":memory:":
                raise ValueError("SQLite needs a file: several processes share the record")
            self._turnstile = Turnstile(os.path.abspath(path) + ".lock", PATIENCE_S)
            options["connect_args"] = {"timeout": PATIENCE_S, "check_same_thread": False}
        else:
            from gateway.store.waiting import wait_lightly  # psycopg takes 10 MB of a process

            wait_lightly()
            patience_ms = int(PATIENCE_S * 1000)
            options["connect_args"] = {
                "connect_timeout": int(PATIENCE_S),
                "options": f"-c statement_timeout={patience_ms} -c lock_timeout={patience_ms}",
            }
        self.engine: Engine = create_engine(
            engine_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=PATIENCE_S,
            # The one that was used last: its statements are prepared, and its caches are warm.
            pool_use_lifo=True,
            hide_parameters=True,  # an error's text must not quote what people said
            **options,
        )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", self._begin_sqlite)
        else:
            event.listen(self.engine, "connect", _prepare_postgres)
            event.listen(self.engine, "begin", _begin_postgres)
        self._reading = self.engine.execution_options(gateway_reads=True)
        self._writing = self.engine.execution_options(gateway_writes=True)
        # When the writer who has passed the turnstile gives up.
        self._write_until = 0.0
        self._together: Together[Work, _Done] | None = None
        # Called after a commit that told something which others follow. Must not wait or fail.
        self.ring: Callable[[], object] = _nobody
        if self.is_sqlite:
            self._together = Together(
                self._write_together, most=_MOST_TOGETHER, patience_s=PATIENCE_S
            )

    # -- transactions ------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """For what only reads: each statement sees what is committed when it begins.

        On SQLite all of them see the same. Raises Unavailable when the database is out of reach.
        """
        with _translated(), Transaction(self._reading) as db:
            yield db

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work(db)` in one transaction, commit, and return its result.

        `work` may run up to three times (deadlock, serialisation failure, a connection that died in
        the pool), each time from the start, so it must have no effect outside the database.
        On SQLite it may share the commit of others who write at the same moment, and run in their
        thread; what it raises undoes just what it did itself.
        Raises Unavailable when nothing could be kept.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._write_once(work)
            except DBAPIError as error:
                if attempt == _ATTEMPTS or not _worth_another_try(error):
                    raise _unavailable_or(error) from error
                if sqlstate_of(error) == _DEADLOCK:
                    # Whom we were in the way of is being woken, and goes first. Else we would have
                    # our first lock again before that, and be in the way again.
                    time.sleep(_AFTER_YOU_S)
            except PoolTimeout as error:
                raise Unavailable("the database is busy: no free connection") from error
        raise AssertionError("unreachable")

    def _write_once(self, work: Callable[[Transaction], T]) -> T:
        if self._together is not None:
            context = copy_context()
            return cast(T, self._together.do(lambda db: context.run(work, db)).result())
        with Transaction(self._writing) as db:
            result = work(db)
            db.commit()
            if db.news:
                self.ring()
            return result

    def _write_together(self, works: Sequence[Work]) -> list[_Done]:
        """Run several works in one transaction of SQLite's, each in its savepoint."""
        assert self._turnstile is not None
        with Transaction(self._writing, shared=len(works) > 1) as db:
            with self._turnstile.passing() as self._write_until:
                if len(works) == 1:
                    done = [_Done(works[0](db))]
                else:
                    done = [_in_savepoint(db, work) for work in works]
                db.commit()
            if db.news:
                self.ring()
            return done

    def _begin_sqlite(self, connection: Any) -> None:
        """Begin reading with SQLite's patience, or writing with ours. Raises Unavailable."""
        writes = bool(connection.get_execution_options().get("gateway_writes"))
        driver = connection.connection.dbapi_connection
        info = connection.connection.info
        if info.get("hasty") is not writes:
            patience_ms = 0 if writes else int(PATIENCE_S * 1000)
            driver.execute(f"PRAGMA busy_timeout={patience_ms}")
            info["hasty"] = writes
        if not writes:
            driver.execute("BEGIN")
            return
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if (error.sqlite_errorcode & 0xFF) != sqlite3.SQLITE_BUSY:
                    raise Unavailable(f"the database cannot be written ({error})") from error
                if time.monotonic() >= self._write_until:
                    raise Unavailable(
                        "the database is busy: another program did not finish writing in time"
                    ) from error
                time.sleep(_NAP_S)
            else:
                return

    # -- time --------------------------------------------------------------------------------------

    def now(self, db: Transaction) -> int:
        """The database's time in microseconds: what leases of several machines are measured by.

        SQLite runs on our own machine, so there it is the clock's.
        """
        if self.is_sqlite:
            return to_micros(self.clock.now())
        (row,) = _NOW.run(db, {})
        return int(row.micros)

    def empty_log(self) -> bool:
        """Write SQLite's log into the file and empty it: it holds what was there before an erasure.

        False while somebody reads or writes: it is to be tried again.
        """
        if not self.is_sqlite:
            return True
        with self.engine.connect() as connection:
            connection.connection.info["hasty"] = True
            driver: Any = connection.connection.dbapi_connection
            driver.execute("PRAGMA busy_timeout=0")
            (busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _nobody() -> None:
    """Nobody follows what is told."""


def _in_savepoint(db: Transaction, work: Work) -> _Done:
    """Run a work so that it fails alone; raises what has ended the whole transaction."""
    driver = cast(sqlite3.Connection, db.connection().connection.dbapi_connection)
    driver.execute("SAVEPOINT one")
    try:
        done = _Done(work(db))
        db.write_out()
    except Exception as error:
        if not driver.in_transaction:  # a full disk, for one, undoes everything at once
            raise
        db.forget()
        driver.execute("ROLLBACK TO one")
        done = _Done(error=error)
    driver.execute("RELEASE one")
    return done


def _encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_decode = msgspec.json.decode


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling cannot begin IMMEDIATE: we say BEGIN ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # what was answered 200 is on disk
        # ... and what was erased is not: its place is overwritten, whole pages too, which FAST
        # leaves. A notification takes as much time and as many pages with it as without.
        "secure_delete=ON",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-16000",
        # Pages that are written again and again go into the file once for all of that: 16 MB of
        # log instead of 4. Whose commit it is waits for it, so it must not be much more.
        "wal_autocheckpoint=4000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("says", 2, says, deterministic=True)


def _prepare_postgres(connection: Any, _record: Any) -> None:
    # What is not ours to prepare (`prepared.py`) is planned each time for the values that it has: a
    # page's filters are of many kinds, and one plan for all of them is the wrong one for some.
    connection.prepare_threshold = _NEVER


def _begin_postgres(connection: Any) -> None:
    """Begin a transaction, or reading without one."""
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return  # a migration has asked for that itself
    reads = bool(options.get("gateway_reads"))
    driver = connection.connection.dbapi_connection
    if driver.autocommit is not reads:
        driver.autocommit = reads


def sqlstate_of(error: DBAPIError) -> str:
    """PostgreSQL's code for what went wrong; "" if it gave none."""
    return getattr(error.orig, "sqlstate", None) or ""


def _worth_another_try(error: DBAPIError) -> bool:
    return error.connection_invalidated or sqlstate_of(error) in (
        _SERIALIZATION,
        _DEADLOCK,
    )


def _unavailable_or(error: DBAPIError) -> Exception:
    """Trouble of the database itself is Unavailable; a broken rule stays what it is."""
    state = sqlstate_of(error)
    if state in _NO_SUCH_TABLES:  # or else statements are tested
        return Unavailable("the database lacks tables of this version; run `gateway migrate`")
    passing = isinstance(error, OperationalError) or state[:2] in ("08", "53", "57", "40", "55")
    if not passing:
        return error
    return Unavailable(f"the database cannot keep it just now ({type(error.orig).__name__})")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("the database is busy: no free connection") from error
    except DBAPIError as error:
        raise _unavailable_or(error) from error
