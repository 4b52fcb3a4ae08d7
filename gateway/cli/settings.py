"""What most commands begin with: the settings, the running gateway's Redis, the record."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.errors import Unavailable

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.store import Database
    from gateway.wiring import Parts


def read_settings() -> Settings:
    """Read the settings; where no Redis is named, take the one of a running `gateway up`.

    Raises ConfigError, which names everything that is missing or wrong.
    """
    from gateway.config import load_settings
    from gateway.instance import find_running

    settings = load_settings(os.environ)
    if settings.redis_url is None:
        running = find_running(settings.data_dir)
        if running is not None:
            settings = replace(settings, redis_url=running.redis_url)
    return settings


def read_settings_of_role() -> Settings:
    """Read the settings of one role among several; say it if no Redis connects it to the others."""
    settings = read_settings()
    if settings.redis_url is None:
        logging.getLogger(__name__).warning(
            "GATEWAY_REDIS_URL is not set and no `gateway up` is running on %s: nobody is woken, "
            "workers look for work once a second",
            settings.data_dir,
        )
    return settings


def open_parts() -> Parts:
    """Read the settings and wire this process, with the tables of this version.

    Raises ConfigError, or Unavailable if the database cannot be used.
    """
    from gateway.wiring import build

    settings = read_settings()
    bring_up_to_date(settings)
    return build(settings)


@contextmanager
def open_record(settings: Settings) -> Iterator[Database]:
    """Give the database with the tables of this version; raises Unavailable if it has others."""
    from gateway.store import Database

    bring_up_to_date(settings)
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        database.dispose()


def bring_up_to_date(settings: Settings) -> None:
    """Migrate an embedded database; raises Unavailable if another one has not been migrated."""
    if is_embedded(settings):
        migrate_now(settings)
    elif is_pending(settings):
        raise Unavailable("the database lacks tables of this version: run `gateway migrate`")


def is_embedded(settings: Settings) -> bool:
    """Tell whether the database is a file of ours, which nobody else looks after."""
    return settings.database_url.startswith("sqlite")


def migrate_now(settings: Settings) -> None:
    """Create or upgrade the tables; raises Unavailable if the database cannot be reached."""
    from sqlalchemy.exc import DBAPIError

    from gateway.store import migrate

    try:
        migrate(settings.database_url)
    except DBAPIError as error:
        raise Unavailable(f"the database cannot be migrated: {first_line(error)}") from error


def is_pending(settings: Settings) -> bool:
    """Tell whether a migration is missing; raises Unavailable if that cannot be told."""
    from sqlalchemy.exc import DBAPIError

    from gateway.store import Database
    from gateway.store.migrate import pending

    database = Database(settings.database_url)
    try:
        return pending(database)
    except DBAPIError as error:
        raise Unavailable(f"the database cannot be reached: {first_line(error)}") from error
    finally:
        database.dispose()


def first_line(error: Exception) -> str:
    """Return what a database driver says, without the statement."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__
