"""How often workers go to PostgreSQL for one answer: each trip takes processor time and waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.store.line import Line
from tests.rig import rig

# Lock the turn's conversation, session and row; what the question says; the guard's count; asked.
# Lock them again; the answer, and whether words have come meanwhile.
TURN = 6
# The time and the lane with its head. Lock the conversation; who is named; what is known; lock
# session, push and lane; begin. Lock and settle: the push, what is known, what is written, the end.
DELIVERY = 11


def test_an_answer_takes_few_trips(
    migrated_postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = 0
    travel = Line.travel

    def counted(line: Line, *, and_commit: bool = False) -> None:
        nonlocal trips
        trips += bool(line._waiting or and_commit)
        travel(line, and_commit=and_commit)

    monkeypatch.setattr(Line, "travel", counted)
    with rig(migrated_postgres_url, tmp_path) as it:
        started = it.world.customer_starts("Hello?", name="Nora Kelly")
        it.hear()
        it.advance(2)
        taken = {}
        for kind in ("turns", "deliver"):
            (key,) = it.bench.works[kind].due(10)
            trips = 0
            it.bench.works[kind].do(key)
            taken[kind] = trips
        assert len(it.said_by_bot(started.conversation_id)) == 1
    assert taken["turns"] <= TURN
    assert taken["deliver"] <= DELIVERY
