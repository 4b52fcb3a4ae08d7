"""A record as it is after years, on either database: a few real sessions, copied many times over.

The gateway itself takes in a handful of conversations that begin, are answered and are closed.
Their rows are copied within the database, each copy with ids, addresses and times of its own, so a
million sessions are there within minutes and look as sessions do. What does not last as long is
left out: the journal, and the bodies of notifications.
"""

# The names in these statements are those of our own tables and columns.
# ruff: noqa: S608

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from bench.servers import Ground
from bench.traffic import CLIENT_SECRET
from gateway.config import load_settings
from gateway.store.models import Base
from gateway.wiring import Parts, build
from intercom_standin.cast import AOIFE_ID
from intercom_standin.records import Notification
from intercom_standin.server import StandIn

COPIED = (
    "contacts", "contact_identities", "conversations", "chat_sessions", "messages", "facts",
    "turns", "stretches", "inbox",
)  # fmt: skip
SAMPLE = 25
"""So many sessions are taken in, and copied."""

# Names of channels', which must not be the same in each copy.
_NAMES = {
    "contacts": ("email", "external_id"),
    "contact_identities": ("external_id",),
    "conversations": ("external_id",),
    "inbox": ("dedup", "conversation"),
}
_OUR_ID = re.compile(r"[a-z]{3}_[0-9a-zA-Z]{26}")
_MICROS = 10**15
_APART_US = 60_000_000


def fill(place: Ground, sessions: int) -> int:
    """Have about so many sessions in an empty record; return how many there are."""
    _take_in(place)
    place.database.dispose()
    copies = sessions // SAMPLE
    with _connected(place) as connection:
        run = connection.execute
        with _without_indexes(place.kind, run):
            for table in COPIED:
                run(f"CREATE TEMP TABLE sample AS SELECT * FROM {table}")
                columns = _columns(run, table)
                copied = f"SELECT {', '.join(columns.values())} FROM numbers CROSS JOIN sample"
                run(
                    f"INSERT INTO {table} ({', '.join(columns)}) "
                    f"{_numbers(place.kind, copies, copied)}"
                )
                run("DROP TABLE sample")
                for column in _NAMES.get(table, ()):  # those that were taken in are nobody's now
                    run(f"UPDATE {table} SET {column} = {column} || '-0' "
                        f"WHERE {column} NOT LIKE '%-%'")  # fmt: skip
    return (copies + 1) * SAMPLE


def _take_in(place: Ground) -> None:
    """Let conversations begin, be answered and be closed."""
    standin = StandIn(mode="manual", client_secret=CLIENT_SECRET)
    world: Any = standin.world
    world.listener = None
    parts = build(load_settings(place.environment()))

    def tell(notifications: Sequence[Notification]) -> None:
        for one in notifications:
            _keep(parts, standin.notifier.signed(one)[0])

    try:
        for number in range(SAMPLE):
            begun = world.customer_starts(
                "Hello, where is my parcel?", name=f"Customer {number}",
                email=f"customer.{number}@years.example", external_id=f"years_{number}",
            )  # fmt: skip
            tell(begun.notifications)
            thread = str(begun.conversation_id)
            said = world.admin_replies(thread, world.bot_seat, "It is on its way.", via_api=True)
            tell(said.notifications)
            tell(world.close(thread, AOIFE_ID).notifications)
    finally:
        parts.database.dispose()


def _keep(parts: Parts, body: bytes) -> None:
    (channel,) = parts.channels.values()
    envelope = channel.receiver.read_envelope(body)
    receipt = parts.inbox.receive(channel, envelope, body)
    if receipt.state != "applied":
        raise RuntimeError(f"a notification was {receipt.state}: {envelope.topic}")


def _columns(run: Any, table: str) -> dict[str, str]:
    """Each column of a table that is copied, and its value in the copy `numbers.i`."""
    names = [column.name for column in Base.metadata.tables[table].columns]
    rows = run(f"SELECT {', '.join(names)} FROM sample").fetchall()
    return {
        name: _value(table, name, [row[place] for row in rows if row[place] is not None])
        for place, name in enumerate(names)
    }


def _value(table: str, name: str, known: Sequence[Any]) -> str:
    column = f"sample.{name}"
    if name in _NAMES.get(table, ()):
        return f"{column} || '-' || numbers.i"
    if name == "body":
        return "''"
    if known and all(isinstance(one, str) and _OUR_ID.fullmatch(one) for one in known):
        # As if it was older: before all that is made from now on.
        return f"substr({column}, 1, 4) || substr('' || (10000000 + numbers.i), 2) " + (
            f"|| substr({column}, 12)"
        )
    if known and all(isinstance(one, int) and one > _MICROS for one in known):
        return f"{column} - numbers.i * {_APART_US}"
    return column


def _numbers(kind: str, count: int, query: str) -> str:
    """A query over `numbers`, whose `i` goes from 1 to `count`."""
    if kind == "sqlite":
        return (
            "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers "
            f"WHERE i < {count}) {query}"
        )
    return f"WITH numbers(i) AS (SELECT generate_series(1, {count}::bigint)) {query}"


@contextmanager
def _connected(place: Ground) -> Iterator[Any]:
    """Give a connection for work of which nothing needs to last if it fails."""
    url = place.database.engine.url
    if place.kind == "sqlite":
        with closing(sqlite3.connect(str(url.database), isolation_level=None)) as file:
            for pragma in (
                "journal_mode=MEMORY", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-500000",
                "temp_store=MEMORY",
            ):  # fmt: skip
                file.execute(f"PRAGMA {pragma}")
            yield file
            file.execute("PRAGMA journal_mode=WAL")
        return
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as server:
        for setting in (
            "synchronous_commit = off", "session_replication_role = replica",
            "maintenance_work_mem = '512MB'", "work_mem = '256MB'",
        ):  # fmt: skip
            server.execute(f"SET {setting}")
        yield server
        server.execute("VACUUM (ANALYZE)")
        server.execute("CHECKPOINT")


@contextmanager
def _without_indexes(kind: str, run: Any) -> Iterator[None]:
    """Drop the indexes that no rule needs; make them anew, which is quicker than to keep them."""
    named = ", ".join(f"'{table}'" for table in COPIED)
    query = (
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
        f"AND tbl_name IN ({named})"
        if kind == "sqlite"
        else f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ({named}) "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    indexes = run(query).fetchall()
    for name, _ in indexes:
        run(f"DROP INDEX {name}")
    yield
    for _, made in indexes:
        run(made)
