"""Migrations make exactly the tables that the models describe, on both databases."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from gateway.store import Database, migrate
from gateway.store.migrate import pending
from gateway.store.models import Base


def test_the_migrations_make_the_models(database_url: str) -> None:
    migrate(database_url)
    database = Database(database_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": False, "include_object": _can_be_compared}
        )
        assert compare_metadata(context, Base.metadata) == []
    assert not pending(database)
    database.dispose()


def test_an_empty_database_is_pending(database_url: str) -> None:
    database = Database(database_url)
    assert pending(database)
    database.dispose()


def test_migrating_at_once_from_several_processes_is_one_migration(database_url: str) -> None:
    code = "import sys; from gateway.store import migrate; migrate(sys.argv[1])"
    processes = [subprocess.Popen([sys.executable, "-c", code, database_url]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]


def test_migrating_at_once_from_several_threads_is_one_migration(database_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(migrate, database_url) for _ in range(3)]:
            done.result(60)


def _can_be_compared(_object: object, name: str | None, kind: str, *_: object) -> bool:
    """Whether the models tell of it: they do not of words (test_words.py)."""
    return not (kind == "column" and name == "words") and not (
        kind == "index" and name in ("ix_messages_words", "ix_contacts_words")
    )
