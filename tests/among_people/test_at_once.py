"""Issue 4, criterion 3: of two who accept at the same moment one wins, and the other is told who.

Threads and processes, on both databases; a barrier lets both go at once, fifty times.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from gateway.app import create_app
from gateway.conversations import doors
from gateway.conversations.doors import Caller, Person
from gateway.errors import Conflict
from gateway.people import editing, operators
from gateway.watch.answers import AnswerCounter
from tests.desk import PLAIN, Desk, desk
from tests.races.moves import Meanwhile

TRIES = 50
AGAINST = 20
WON = "won"

Act = Callable[[str], Any]
Outcome = tuple[str, Any]


def waiting(it: Desk, number: int, prefix: str = "c") -> list[str]:
    """Sessions that wait for a person."""
    sam = it.people.get("Sam") or it.operator("Sam", "admin")
    sessions = [it.says("Hello?", f"{prefix}{index}") for index in range(number)]
    for session in sessions:
        it.hand_over(session, sam)
    return sessions


def each(barrier: Any, sessions: list[str], act: Act) -> list[Outcome]:
    """Act on one session after the other, each time at the moment at which somebody else does."""
    outcomes: list[Outcome] = []
    for session in sessions:
        barrier.wait(20)
        try:
            act(session)
        except Conflict as refused:
            outcomes.append((refused.message, refused.details.get("responsible")))
        else:
            outcomes.append((WON, None))
    return outcomes


def at_once(sessions: list[str], one: Act, other: Act) -> tuple[list[Outcome], list[Outcome]]:
    """Let two threads act at once."""
    barrier = Barrier(2)
    second: list[Outcome] = []
    with Meanwhile(lambda: second.extend(each(barrier, sessions, other))):
        first = each(barrier, sessions, one)
    return first, second


def door(it: Desk, name: str, caller: Caller, **more: Any) -> Act:
    """A door, and who knocks; the clock stands still."""
    opened = getattr(doors, name)

    def act(session: str) -> Any:
        return it.database.write(
            lambda db: opened(db, it.terms, session, caller, now=it.now, **more)
        )

    return act


def one_wins(it: Desk, sessions: list[str], outcomes: dict[Caller, list[Outcome]]) -> None:
    """Each session has one who won, and one who was told of the winner."""
    for index, session in enumerate(sessions):
        told = {caller: outcomes[caller][index] for caller in outcomes}
        winners = [caller for caller, (message, _) in told.items() if message == WON]
        assert len(winners) == 1, told
        (winner,) = winners
        (loser,) = set(told) - {winner}
        message, responsible = told[loser]
        assert message == f"Session was already accepted by {winner.name}"
        assert responsible == {"kind": "operator", "id": winner.id, "name": winner.name}
        row = it.session(session)
        assert (row.responsible_id, row.responsible_kind) == (winner.id, "operator")
        assert it.markers(session) == ["handover", "assigned"]
        assert it.stretches(session)[0].accepted_by == winner.id


def test_one_of_two_threads_accepts(on_both: Desk) -> None:
    it = on_both
    ann, bob = it.operator("Ann"), it.operator("Bob")
    sessions = waiting(it, TRIES)
    first, second = at_once(sessions, door(it, "accept", ann), door(it, "accept", bob))
    one_wins(it, sessions, {ann: first, bob: second})


def _accept_elsewhere(
    folder: Path, barrier: Any, told: Any, work: list[tuple[str, list[str], Caller]]
) -> None:
    """What the other process does."""
    for url, sessions, caller in work:
        with desk(url, folder) as it:
            told.put(each(_Patient(barrier), sessions, door(it, "accept", caller)))


def test_one_of_two_processes_accepts(
    migrated_sqlite_url: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    spawning = multiprocessing.get_context("spawn")
    barrier, told = spawning.Barrier(2), spawning.Queue()
    with ExitStack() as stack:
        desks = [
            stack.enter_context(desk(url, tmp_path))
            for url in (migrated_sqlite_url, migrated_postgres_url)
        ]
        sides = [(it.operator("Ann"), it.operator("Bob"), waiting(it, TRIES)) for it in desks]
        urls = (migrated_sqlite_url, migrated_postgres_url)
        work = [(url, side[2], side[1]) for url, side in zip(urls, sides, strict=True)]
        other = spawning.Process(target=_accept_elsewhere, args=(tmp_path, barrier, told, work))
        other.start()
        for it, (ann, bob, sessions) in zip(desks, sides, strict=True):
            mine = each(_Patient(barrier), sessions, door(it, "accept", ann))
            one_wins(it, sessions, {ann: mine, bob: told.get(timeout=30)})
        other.join(20)
        assert other.exitcode == 0


class _Patient:
    """A barrier at which one waits longer: a process takes a while to start."""

    def __init__(self, barrier: Any) -> None:
        self._barrier = barrier

    def wait(self, _seconds: float) -> None:
        self._barrier.wait(60)


def test_accepting_against_assigning(on_both: Desk) -> None:
    """Whoever is assigned has it in the end; who accepts later is told so."""
    it = on_both
    ann, bob = it.operator("Ann"), it.operator("Bob")
    sessions = waiting(it, AGAINST)
    to_bob = door(it, "assign", it.people["Sam"], target=Person(id=bob.id, name="Bob"), link="")
    accepted, assigned = at_once(sessions, door(it, "accept", ann), to_bob)
    assert [message for message, _ in assigned] == [WON] * AGAINST
    for session, (message, responsible) in zip(sessions, accepted, strict=True):
        assert it.session(session).responsible_id == bob.id
        if message == WON:
            assert it.markers(session) == ["handover", "assigned", "assigned"]
        else:
            assert message == "Session was already accepted by Bob"
            assert responsible["id"] == bob.id
            assert it.markers(session) == ["handover", "assigned"]


def test_accepting_against_handing_back(on_both: Desk) -> None:
    it = on_both
    ann = it.operator("Ann")
    sessions = waiting(it, AGAINST)
    accepted, back = at_once(
        sessions, door(it, "accept", ann), door(it, "hand_back", it.people["Sam"])
    )
    assert [message for message, _ in back] == [WON] * AGAINST
    for session, (message, _) in zip(sessions, accepted, strict=True):
        row = it.session(session)
        assert (row.mode, row.responsible_kind, row.wait_step) == ("ai", "ai", None)
        markers = it.markers(session)
        if message == WON:
            assert markers == ["handover", "assigned", "returned"]
        else:
            assert message == "Session is handled by the AI; hand it over first"
            assert markers == ["handover", "returned"]


def test_accepting_against_finishing(on_both: Desk) -> None:
    it = on_both
    ann = it.operator("Ann")
    sessions = waiting(it, AGAINST)
    finish = door(it, "finish", it.people["Sam"], reason="")
    accepted, finished = at_once(sessions, door(it, "accept", ann), finish)
    assert [message for message, _ in finished] == [WON] * AGAINST
    for session, (message, _) in zip(sessions, accepted, strict=True):
        row = it.session(session)
        assert (row.status, row.wait_step) == ("finished", None)
        assert message in (WON, "Session is already finished")
        held = ["assigned"] if message == WON else []
        assert it.markers(session) == ["handover", *held, "finished"]


@pytest.mark.parametrize("how", ["accept", "assign"])
def test_who_may_have_one_session_never_has_two(on_both: Desk, how: str) -> None:
    """Through the API, which counts; one session each try, given back after it."""
    it = on_both
    ann, sam = it.operator("Ann"), it.operator("Sam", "admin")
    tries = 8
    pairs = list(zip(waiting(it, tries, "a"), waiting(it, tries, "b"), strict=True))
    it.database.write(lambda db: editing.edit(db, ann.id, {"max_sessions": 1}, it.now))
    caller = ann if how == "accept" else sam
    token = it.database.write(lambda db: operators.new_token(db, caller.id, it.now))
    terms = {PLAIN: it.terms}
    parts = replace(it.parts, terms=terms)
    app = create_app(parts, AnswerCounter(it.database, every_s=0))
    body = {} if how == "accept" else {"operator_id": ann.id}
    answers: list[tuple[int, Any]] = []

    def knock(session: str) -> None:
        answer = app.test_client().post(
            f"/api/v1/sessions/{session}/{how}", json=body,
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        answers.append((answer.status_code, answer.get_json()))

    for pair in pairs:
        barrier = Barrier(2)
        answers.clear()
        with Meanwhile(lambda pair=pair, barrier=barrier: (barrier.wait(20), knock(pair[1]))):
            barrier.wait(20)
            knock(pair[0])
        assert sorted(status for status, _ in answers) == [200, 409], answers
        (refused,) = [told for status, told in answers if status == 409]
        assert "1 open sessions and may have 1 at most" in refused["error"]["message"]
        held = [one for one in pair if it.session(one).responsible_id == ann.id]
        assert len(held) == 1
        it.act(doors.finish, held[0], ann, reason="")
