"""Old and new processes side by side: older code on newer tables, newer code on older ones.

That of a real older release, in processes of its own and under load, is `python -m bench upgrade`.
Here the present code is the older one, and a migration of every kind that may come is applied
under it.
"""

from __future__ import annotations

import importlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from alembic.script import ScriptDirectory
from sqlalchemy import text
from structlog.testing import capture_logs

from gateway.errors import Unavailable
from gateway.store import Database, migrate
from gateway.store.migrate import newest, pending
from gateway.sync.drain import Drain
from gateway.sync.scheduler import tick
from tests.rig import Rig, rig

# The module: the room gives its function the same name.
migrating = importlib.import_module("gateway.store.migrate")

TOMORROW = '''"""What a release to come may do: new tables, columns, indexes."""

import sqlalchemy as sa
from alembic import op

revision = "tomorrow"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in {tables!r}:
        op.add_column(table, sa.Column("tomorrow", sa.String(), nullable=True))
        op.add_column(
            table,
            sa.Column("flag", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        )
    op.create_table("tomorrows", sa.Column("id", sa.String(), primary_key=True))
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.create_index("ix_t", "messages", ["tomorrow"], postgresql_concurrently=True)
    else:
        op.create_index("ix_t", "messages", ["tomorrow"])
'''


@pytest.fixture
def tomorrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Migrate a database as the release to come would."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrating.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    # Those that every notification, turn and push writes.
    tables = ["chat_sessions", "conversations", "facts", "inbox", "messages", "pushes", "turns"]
    (folder / "versions" / "tomorrow.py").write_text(
        TOMORROW.format(newest=newest(), tables=tables)
    )

    def migrate_to_it(url: str) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(migrating, "MIGRATIONS", folder)
            migrate(url)

    return migrate_to_it


def revision(url: str) -> str:
    database = Database(url)
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    database.dispose()
    return str(found)


# -- older code on newer tables ----------------------------------------------------------------


def test_this_code_serves_on_while_tomorrows_tables_come_and_after(
    migrated_url: str, tmp_path: Path, tomorrow: Callable[[str], None]
) -> None:
    """Customers write, the AI answers, a person takes over; each notification is answered 200."""
    with rig(migrated_url, tmp_path) as it:
        talks: list[str] = []
        over, wrong = threading.Event(), []

        def live() -> None:
            while not over.is_set() or len(talks) < 3:
                try:
                    talks.append(one_talk(it, len(talks), wrong))
                except Exception as error:
                    wrong.append(repr(error))
                    return

        living = threading.Thread(target=live)
        living.start()
        try:
            tomorrow(migrated_url)
        finally:
            over.set()
            living.join()
        assert revision(migrated_url) == "tomorrow"
        one_talk(it, len(talks), wrong)
        assert wrong == []
        for talk in talks:
            assert len(it.said_by_bot(talk)) == 1
        assert requests.get(f"{it.url}/readyz", timeout=5).status_code == 200


def one_talk(it: Rig, number: int, wrong: list[str]) -> str:
    talk: str = it.world.customer_starts(f"w{number}", name="Ann").conversation_id
    hear(it, wrong)
    it.work()
    hear(it, wrong)
    it.world.assign(talk, "admin:1396651", by="1396651")
    it.world.customer_replies(talk, "Are you there?")
    hear(it, wrong)
    it.work()
    return talk


def hear(it: Rig, wrong: list[str]) -> None:
    wrong += [f"{one.topic}: {one.status}" for one in it.hear() if one.status != 200]


def test_a_process_that_starts_on_newer_tables_is_ready_and_leaves_them_alone(
    migrated_url: str, tmp_path: Path, tomorrow: Callable[[str], None]
) -> None:
    tomorrow(migrated_url)
    database = Database(migrated_url)
    assert not pending(database)
    database.dispose()
    with capture_logs() as lines:
        migrate(migrated_url)
    assert [line["event"] for line in lines] == ["tables_newer"]
    assert revision(migrated_url) == "tomorrow"
    with rig(migrated_url, tmp_path) as it:
        wrong: list[str] = []
        one_talk(it, 1, wrong)
        assert wrong == []
        assert requests.get(f"{it.url}/readyz", timeout=5).status_code == 200


# -- newer code on older tables ----------------------------------------------------------------


@pytest.fixture
def on_older(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    """On tables that the code's own statements do not fit."""
    migrate(database_url, before("origin"))
    with rig(database_url, tmp_path) as it:
        yield it


def before(word: str) -> str:
    """The revision before the migration that adds something."""
    scripts = ScriptDirectory(str(migrating.MIGRATIONS))
    for script in scripts.walk_revisions():
        if word in Path(script.path).name:
            return str(script.down_revision)
    raise AssertionError(f"no migration adds {word}")


def test_newer_code_waits_for_its_tables_and_then_works(on_older: Rig) -> None:
    it = on_older
    ready = requests.get(f"{it.url}/readyz", timeout=5)
    assert ready.status_code == 503
    assert "gateway migrate" in ready.json()["checks"]["database"]
    it.world.customer_starts("Hello", name="Ann")
    # Nothing is kept that could not be worked on; Intercom sends it again.
    answers = {one.topic: one.status for one in it.hear()}
    assert answers["conversation.user.created"] == 503
    assert set(answers.values()) <= {200, 503}, "whoever needs no new tables may be kept"
    # A worker's drain and the scheduler's look wait as they do for a database that is away.
    assert Drain(it.bench.works["deliver"], it.parts.clock, threading.Event()).run(0.0) is True
    with pytest.raises(Unavailable):
        it.parts.database.write(lambda db: db.execute(text("SELECT origin FROM turns")))
    with pytest.raises(Unavailable), it.parts.database.read() as db:
        db.execute(text("SELECT origin FROM turns"))

    migrate(str(it.parts.settings.database_url))
    assert requests.get(f"{it.url}/readyz", timeout=5).status_code == 200
    it.world.customer_starts("Hello again", name="Ben")
    it.settle()
    assert len(it.turns()) == 1
    assert tick(it.bench) == []


# -- migrating under load ----------------------------------------------------------------------


def test_a_migration_lets_others_go_first(
    postgres_url: str, tomorrow: Callable[[str], None]
) -> None:
    """A long reader (a dump) holds a table: waiting for it would make everybody wait."""
    migrate(postgres_url)
    reading = psycopg.connect(postgres_url.replace("+psycopg", ""))
    reading.execute("SELECT * FROM messages").fetchall()
    with capture_logs() as lines:
        thread = threading.Thread(target=tomorrow, args=(postgres_url,))
        thread.start()
        database = Database(postgres_url)
        seen: list[Any] = []
        while not any(line["event"] == "migration_waits" for line in lines):
            with database.read() as db:  # of the table that is waited for
                seen.append(db.execute(text("SELECT count(*) FROM messages")).scalar_one())
            thread.join(0.05)
            assert thread.is_alive()
        reading.close()
        thread.join(30)
    database.dispose()
    assert seen
    assert revision(postgres_url) == "tomorrow"
