"""Bringing a database to this version's tables."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from gateway.store.database import Database

_LOCK = 0x6761746577617921  # "gateway!": one migration at a time on PostgreSQL


def migrate(url: str) -> None:
    """Create or upgrade the tables at `url`. Safe to call from several processes at once."""
    database = Database(url)
    try:
        with database.engine.connect().execution_options(
            gateway_begin="BEGIN IMMEDIATE"
        ) as connection:
            if not database.is_sqlite:
                connection.execute(text("SET statement_timeout = 0; SET lock_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        database.dispose()


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
