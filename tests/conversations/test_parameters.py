"""What a channel knows of a session beside what was said: kept with it, told of, bounded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.conversations import doors
from gateway.conversations.parameters import MOST, set_parameters
from gateway.conversations.thread import Named, open_conversation
from gateway.store import Transaction
from gateway.store.models import JournalRow
from tests.desk import PLAIN, Desk, desk


@pytest.fixture
def front(migrated_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk(migrated_url, tmp_path) as made:
        yield made


def tell(front: Desk, values: dict[str, Any], *, over: bool = True) -> None:
    def work(db: Transaction) -> None:
        held = open_conversation(db, Named(front.installation_id, "c1", PLAIN), front.now)
        set_parameters(db, held, values, over=over, now=front.now)

    front.database.write(work)


def kinds(front: Desk) -> list[str]:
    return [row.kind for row in front.all(select(JournalRow.kind).order_by(JournalRow.id))]


def test_they_replace_or_add(front: Desk) -> None:
    session = front.says("hello")
    tell(front, {"page": "/cart", "order": 7})
    tell(front, {"page": "/pay"})
    tell(front, {"page": "/ignored", "new": True}, over=False)
    assert front.session(session).parameters == {"page": "/pay", "order": 7, "new": True}
    assert kinds(front).count("session.updated") == 3


def test_what_is_known_already_is_no_news(front: Desk) -> None:
    front.says("hello")
    tell(front, {"page": "/cart"})
    tell(front, {"page": "/cart"})
    tell(front, {"page": "/other"}, over=False)
    assert kinds(front).count("session.updated") == 1


def test_without_a_session_nothing_is_kept(front: Desk) -> None:
    tell(front, {"page": "/cart"})
    session = front.says("hello")
    assert front.session(session).parameters == {}
    front.act(doors.finish, session, front.operator("Mara"), reason="done")
    tell(front, {"page": "/cart"})
    assert front.session(session).parameters == {}


def test_names_beyond_the_most_are_left_out(front: Desk) -> None:
    session = front.says("hello")
    tell(front, {f"n{number}": number for number in range(MOST)})
    tell(front, {"n0": "known", "one more": 1})
    parameters = front.session(session).parameters
    assert len(parameters) == MOST
    assert parameters["n0"] == "known"
    assert "one more" not in parameters
