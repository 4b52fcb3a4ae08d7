"""The way to PostgreSQL for statements that are built once: a trip's leave together, in one go.

psycopg sends each statement of a pipeline by itself, looks at the socket before and after, and
finds out anew how every value travels: most of what a process does for PostgreSQL. libpq, which it
wraps, sends them all at once. So these statements are given to libpq (`psycopg.pq`), with psycopg's
way of waiting, its errors, and its reading of what comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import PoolProxiedConnection

from gateway.store.trip import Failed, Sent

PLANS_LIVE_S = 10.0
"""How long the server's plans are used. One that was made for a table of a few rows reads all of
them, and PostgreSQL keeps to it until it analyses the table again, a minute later at the soonest:
the first busy minutes of a new gateway would be slow, and slower with each notification."""

_LINE = "line"
_TEXT, _BINARY = int(Format.TEXT), int(Format.BINARY)
_FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.PIPELINE_SYNC)


@dataclass(frozen=True, slots=True)
class _Preparing:
    """The server is told a statement's text and what it will be called."""

    sql: str


@dataclass(frozen=True, slots=True)
class _Said:
    """BEGIN, COMMIT, what is said of plans, and the end of the trip."""

    sql: str


class Line:
    """One connection: what is prepared on it, and what waits for the next trip."""

    def __init__(
        self, driver: psycopg.Connection[Any], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._driver = driver
        self._now = now
        self._planned_at = now()
        self._pgconn: PGconn = driver.pgconn
        self._transformer = Transformer(driver)
        # Names are given once: whatever became of one, the server may know it.
        self._named = 0
        self._names: dict[str, bytes] = {}
        self._waiting: list[Sent] = []

    def put(self, sql: str, parameters: Sequence[Any]) -> Sent:
        """Let a statement wait for the next trip. Raises Failed for a value that cannot travel."""
        values: list[bytes | None] = []
        formats: list[int] | None = None
        try:
            for place, value in enumerate(parameters):
                if type(value) is bytes:
                    formats = formats or [_TEXT] * len(parameters)
                    formats[place] = _BINARY
                    values.append(value)
                else:
                    values.append(self._written(value))
        except psycopg.Error as error:
            raise Failed(sql, error) from error
        sent = Sent(sql, values, formats)
        self._waiting.append(sent)
        return sent

    def drop(self) -> None:
        """Forget what waits: whoever wanted it failed."""
        self._waiting = []

    def travel(self, *, and_commit: bool = False) -> None:
        """Send what waits and wait for all of it; begin a transaction first if none is open.

        Raises Failed. Statements after one that failed are not executed.
        """
        waiting, self._waiting = self._waiting, []
        if not (waiting or and_commit):
            return
        pgconn = self._pgconn
        expected: list[Sent | _Preparing | _Said] = []
        try:
            pgconn.enter_pipeline_mode()
            idle = pgconn.transaction_status == TransactionStatus.IDLE
            if idle and self._now() - self._planned_at >= PLANS_LIVE_S:
                self._planned_at = self._now()
                self._say("DISCARD PLANS", expected)
            if idle and not self._driver.autocommit:
                self._say("BEGIN", expected)
            for one in waiting:
                self._send(one, expected)
            if and_commit:
                self._say("COMMIT", expected)
            pgconn.pipeline_sync()
            expected.append(_Said("(the end of a trip)"))
            answers = self._driver.wait(_coming(pgconn, len(expected)))
            if pgconn.status != ConnStatus.BAD:
                pgconn.exit_pipeline_mode()
        except psycopg.Error as error:
            self._hang_up()
            raise Failed(waiting[0].sql if waiting else "COMMIT", error) from error
        except BaseException:  # interrupted: nobody knows what is still on its way
            self._hang_up()
            raise
        self._understand(expected, answers)

    def rows(self, sent: Sent) -> list[tuple[Any, ...]]:
        """The rows that a statement gave."""
        self._transformer.set_pgresult(sent.result)
        count = sent.result.ntuples if sent.result else 0
        return cast(list[tuple[Any, ...]], self._transformer.load_rows(0, count, tuple))

    def changed(self, sent: Sent) -> int:
        """How many rows a statement changed."""
        return (sent.result.command_tuples or 0) if sent.result else 0

    # -- sending -----------------------------------------------------------------------------------

    def _send(self, one: Sent, expected: list[Sent | _Preparing | _Said]) -> None:
        name = self._names.get(one.sql)
        if name is None:
            self._named += 1
            name = self._names[one.sql] = b"gw%d" % self._named
            self._pgconn.send_prepare(name, one.sql.encode())
            expected.append(_Preparing(one.sql))
        self._pgconn.send_query_prepared(name, one.values, one.formats)
        expected.append(one)

    def _say(self, sql: str, expected: list[Sent | _Preparing | _Said]) -> None:
        self._pgconn.send_query_params(sql.encode(), None)
        expected.append(_Said(sql))

    def _written(self, value: Any) -> bytes | None:
        """A value as PostgreSQL reads it; what it is the statement says."""
        if value is None:
            return None
        kind = type(value)
        if kind is str:
            return _text(value)
        if kind is int:
            return b"%d" % value
        if kind is bool:
            return b"t" if value else b"f"
        dumped = self._transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped)

    # -- coming back -------------------------------------------------------------------------------

    def _understand(
        self, expected: Sequence[Sent | _Preparing | _Said], answers: Sequence[list[PGresult]]
    ) -> None:
        failed: Failed | None = None
        for one, results in zip(expected, answers, strict=False):
            result = results[-1]
            if result.status in _FINE:
                if isinstance(one, Sent):
                    one.result = result
                continue
            if isinstance(one, _Preparing):
                del self._names[one.sql]
            if result.status == ExecStatus.FATAL_ERROR and failed is None:
                failed = Failed(one.sql, error_from_result(result, encoding="utf-8"))
        if failed is None and len(answers) < len(expected):
            failed = Failed(expected[len(answers)].sql, psycopg.OperationalError("it hung up"))
        if failed is not None:
            raise failed from failed.cause

    def _hang_up(self) -> None:
        self._pgconn.finish()


def line_of(connection: PoolProxiedConnection) -> Line:
    """The line of a pooled connection, with nothing waiting."""
    line = connection.info.get(_LINE)
    if line is None:
        line = connection.info[_LINE] = Line(cast(Any, connection.dbapi_connection))
    line.drop()
    return cast(Line, line)


def _coming(pgconn: PGconn, count: int) -> Generator[Any, Any, list[list[PGresult]]]:
    """Send what libpq has been given and wait for so many answers; fewer if the server hangs up."""
    yield from generators.send(pgconn)
    answers: list[list[PGresult]] = []
    while len(answers) < count:
        results = yield from generators.fetch_many(pgconn)
        if not results:
            break
        answers.append(results)
    return answers


def _text(value: str) -> bytes:
    if "\0" in value:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return value.encode()
