"""A desk, and the customer's side of its conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from gateway.channels.webwidget.talk import Talk
from gateway.store.models import Conversation
from gateway.visitors.talk import Talks
from tests.desk import Desk, desk


class Customer:
    """Somebody who looks at a conversation, and remembers how far they have seen it."""

    def __init__(self, it: Desk, conversation: str = "c1") -> None:
        self.it = it
        self.talks = Talks(it.database, it.parts.reception, lambda: it.now)
        self._external_id = conversation
        self.cursor: str | None = None

    @property
    def conversation(self) -> str:
        found = select(Conversation.id).where(Conversation.external_id == self._external_id)
        with self.it.database.read() as db:
            return str(db.scalars(found).one())

    def look(self, **more: Any) -> Talk:
        """Ask for what is new."""
        talk = self.talks.news(self.conversation, after=self.cursor, **more)
        self.cursor = talk.cursor
        return talk


@pytest.fixture
def it(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk(migrated_sqlite_url, tmp_path) as made:
        yield made


@pytest.fixture
def on_both(migrated_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk(migrated_url, tmp_path) as made:
        yield made


@pytest.fixture
def counted() -> Callable[[Desk], Any]:
    """Collects the statements that SQLite is sent within a block."""

    @contextmanager
    def count(it: Desk) -> Iterator[list[str]]:
        statements: list[str] = []

        def keep(sql: str) -> None:
            if not sql.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")):
                statements.append(sql)

        def trace(connection: Any, _: object) -> None:
            connection.set_trace_callback(keep)

        it.database.engine.dispose()
        event.listen(it.database.engine, "connect", trace)
        yield statements
        event.remove(it.database.engine, "connect", trace)
        it.database.engine.dispose()

    return count
