"""The end of a history: what a page opens with, and how it goes on in both directions."""

from __future__ import annotations

from datetime import UTC

import pytest

from gateway.errors import NotFound, Unreadable
from gateway.reading.messages import find_latest, find_messages
from tests.desk import Desk


def test_a_history_is_read_from_its_end(on_both: Desk) -> None:
    it = on_both
    for number in range(7):
        session = it.says(str(number))
    with it.database.read() as db:
        newest = find_latest(db, session, zone=UTC, limit=3)
        assert [line["text"] for line in newest.items] == ["4", "5", "6"]
        assert newest.start is not None
        earlier = find_latest(db, session, zone=UTC, limit=3, before=newest.start)
        assert [line["text"] for line in earlier.items] == ["1", "2", "3"]
        first = find_latest(db, session, zone=UTC, limit=3, before=earlier.start)
        assert ([line["text"] for line in first.items], first.start) == (["0"], None)
        whole = find_latest(db, session, zone=UTC, limit=7)
        assert (len(whole.items), whole.start) == (7, None)
    it.says("7")
    with it.database.read() as db:
        since = find_messages(db, session, zone=UTC, cursor=newest.start)
    assert [line["text"] for line in since.items] == ["4", "5", "6", "7"]


def test_what_is_not_there_is_not_found(on_both: Desk) -> None:
    session = on_both.says("Hello?")
    with on_both.database.read() as db:
        with pytest.raises(NotFound):
            find_latest(db, "ses_" + "0" * 26, zone=UTC)
        with pytest.raises(Unreadable):
            find_latest(db, session, zone=UTC, before="nonsense")
