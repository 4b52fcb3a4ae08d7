"""Bringing a database to this version's tables, while processes of the version before go on.

Migrations only expand: they add tables, columns that may be empty, indexes. So older processes work
on newer tables, and a database with migrations that this version does not know lacks nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from gateway.store.database import Database, sqlstate_of
from gateway.store.turnstile import Turnstile

log = structlog.get_logger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"

_PATIENCE_S = 60.0
_LOCK = 0x6761746577617921  # "gateway!": one migration at a time on PostgreSQL
_LOCK_TIMEOUT_MS = 500
"""Whoever waits for a table lets everybody queue who comes later, and webhooks wait 3 s at most."""
_AGAIN_AFTER_S = 0.5
_LOCKED = ("55P03", "40P01")

# Alembic's environment is one global of the process.
_one_at_a_time = threading.Lock()


def migrate(url: str, to: str = "head") -> None:
    """Create or upgrade the tables at `url`. Safe to call from several processes at once.

    On PostgreSQL each migration is a transaction of its own; one that does not get its locks is
    tried again for a minute. Raises DBAPIError or Unavailable.
    """
    database = Database(url)
    try:
        with _one_at_a_time:
            if database.is_sqlite:
                lock = Turnstile(f"{database.engine.url.database}.migrating", _PATIENCE_S)
                with lock.passing():
                    database.write(lambda db: _upgrade(db.connection(), to))
            else:
                _upgrade_step_by_step(database, to)
    finally:
        database.dispose()


def _upgrade(connection: Connection, to: str) -> None:
    revision = _revision(connection)
    if not knows(revision):
        log.warning("tables_newer", revision=revision)
        return
    if connection.dialect.name == "postgresql":
        connection.commit()  # what is open, Alembic would take for a transaction around them all
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _upgrade_step_by_step(database: Database, to: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    with database.engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0; SET lock_timeout = 0"))
        # Held by the session, which ends with this connection: migrations commit one by one.
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        connection.execute(text(f"SET lock_timeout = {_LOCK_TIMEOUT_MS}"))
        while True:
            try:
                _upgrade(connection, to)
                connection.commit()
                return
            except OperationalError as error:
                connection.rollback()
                busy = sqlstate_of(error) in _LOCKED
                if not busy or time.monotonic() > until:
                    raise
                log.info("migration_waits", error=type(error.orig).__name__)
            time.sleep(_AGAIN_AFTER_S)


def pending(database: Database) -> bool:
    """True if the database lacks a migration that this version needs."""
    with database.engine.connect() as connection:
        current = _revision(connection)
    return current != newest() and knows(current)


def newest() -> str:
    """The revision of this version's tables. Raises CommandError if there are two."""
    return _scripts().get_current_head() or ""


def knows(revision: str | None) -> bool:
    """True if tables of this revision are this version's, or older; None: no tables yet."""
    return revision is None or revision in {one.revision for one in _scripts().walk_revisions()}


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
