"""Bringing a database to this version's tables."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from gateway.store.database import Database
from gateway.store.turnstile import Turnstile

_PATIENCE_S = 60.0
_LOCK = 0x6761746577617921  # "gateway!": one migration at a time on PostgreSQL


# Alembic's environment is one global of the process.
_one_at_a_time = threading.Lock()


def migrate(url: str) -> None:
    """Create or upgrade the tables at `url`. Safe to call from several processes at once."""
    database = Database(url)
    try:
        with _one_at_a_time, _alone(database) as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        database.dispose()


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """A connection that no other process migrates beside."""
    options = {"gateway_begin": "BEGIN IMMEDIATE"}
    if database.is_sqlite:
        lock = Turnstile(f"{database.engine.url.database}.migrating", _PATIENCE_S)
        with lock.passing(), database.engine.connect().execution_options(**options) as connection:
            yield connection
        return
    with database.engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0; SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection


def pending(database: Database) -> bool:
    """True if the database lacks a migration that this version needs."""
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current != ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
