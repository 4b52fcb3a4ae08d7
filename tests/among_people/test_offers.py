"""Round robin: what waits is offered to one person after the other, and to nobody in a queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.conversations import doors
from gateway.errors import Conflict
from gateway.people import editing, teams
from gateway.people.availability import Availability
from gateway.people.presence import Presence, Seen
from gateway.store.models import JournalRow
from gateway.sync.deadlines import LOOK_AGAIN_S
from gateway.sync.jobs import Bench
from tests.desk import Desk
from tests.races.moves import Meanwhile


class There:
    """Presence without Redis: who is online; None: nobody knows."""

    def __init__(self, *ids: str) -> None:
        self.ids: set[str] | None = set(ids)

    def read(self) -> Seen:
        if self.ids is None:
            return Seen(known=False)
        online: Presence = "online"
        return Seen(states=dict.fromkeys(self.ids, online))


@pytest.fixture
def it(make_desk: Callable[..., Desk]) -> Desk:
    return with_people(make_desk(routing="round_robin", offer_s=60.0))


@pytest.fixture
def on_both(migrated_url: str, tmp_path: Any) -> Any:
    from tests.desk import desk

    with desk(migrated_url, tmp_path, routing="round_robin", offer_s=60.0) as made:
        yield with_people(made)


def with_people(it: Desk) -> Desk:
    """Ann and Bob are there, in this order."""
    people = sorted((it.operator("Ann"), it.operator("Bob")), key=lambda one: one.id)
    it.people |= {"first": people[0], "second": people[1]}
    workspace = it.parts.settings.workspace
    it.parts = replace(
        it.parts,
        presences=There(*(one.id for one in people)),  # type: ignore[arg-type]
        availability=Availability(workspace.zone, workspace.week, {"support": it.terms.agent}),
    )
    it.bench = Bench(it.parts, it.bench.stopping)
    return it


def there(it: Desk) -> There:
    return it.parts.presences  # type: ignore[return-value]


def wait(it: Desk, conversation: str = "c1") -> str:
    """A session that waits for somebody; offered already."""
    session = it.says("Hello?", conversation)
    it.hand_over(session, it.people["Ann"])
    it.work("deadlines")
    return session


def told(it: Desk, session: str) -> list[tuple[str | None, str]]:
    """To whom it was offered, and what became of it."""
    names = {it.people[name].id: name for name in ("first", "second")}
    return [
        (None if one.operator_id is None else names[one.operator_id], one.state)
        for one in it.offers(session)
    ]


def test_it_is_offered_to_one_who_is_available(on_both: Desk) -> None:
    it = on_both
    session = wait(it)
    assert told(it, session) == [("first", "open")]
    (offer,) = it.offers(session)
    assert offer.until - offer.offered_at == 60_000_000
    it.advance(59)
    it.work("deadlines")
    assert told(it, session) == [("first", "open")]


def test_who_is_not_there_is_not_asked(it: Desk) -> None:
    there(it).ids = {it.people["second"].id}
    assert told(it, wait(it)) == [("second", "open")]


def test_an_offer_that_runs_out_goes_to_the_next(on_both: Desk) -> None:
    it = on_both
    session = wait(it)
    it.advance(60)
    it.work("deadlines")
    assert told(it, session) == [("first", "expired"), ("second", "open")]


def test_an_offer_that_is_declined_goes_to_the_next_at_once(it: Desk) -> None:
    session = wait(it)
    with pytest.raises(Conflict, match="not offered to you"):
        it.act(doors.decline, session, it.people["second"])
    done = it.act(doors.decline, session, it.people["first"])
    assert done.owed == {"deadlines"}
    it.work("deadlines")
    assert told(it, session) == [("first", "declined"), ("second", "open")]
    with pytest.raises(Conflict, match="not offered to you"):
        it.act(doors.decline, session, it.people["first"])


@pytest.mark.parametrize("known", [True, False])
def test_while_nobody_is_free_somebody_is_looked_for_again(it: Desk, known: bool) -> None:
    there(it).ids = set() if known else None
    session = wait(it)
    assert told(it, session) == [(None, "open")]
    there(it).ids = {it.people["second"].id}
    it.advance(LOOK_AGAIN_S - 1)
    it.work("deadlines")
    assert told(it, session) == [(None, "open")]
    it.advance(1)
    it.work("deadlines")
    assert told(it, session) == [(None, "expired"), ("second", "open")]


def test_when_all_have_been_asked_a_new_round_begins(it: Desk) -> None:
    session = wait(it)
    for _ in range(3):
        it.advance(60)
        it.work("deadlines")
    asked = [name for name, _ in told(it, session)]
    assert asked == ["first", "second", "first", "second"]


@pytest.mark.parametrize("how", ["runs out", "declined"])
def test_who_is_alone_is_asked_again_after_a_pause(it: Desk, how: str) -> None:
    there(it).ids = {it.people["first"].id}
    session = wait(it)
    if how == "declined":
        it.act(doors.decline, session, it.people["first"])
    else:
        it.advance(60)
    it.work("deadlines")
    assert [name for name, _ in told(it, session)] == ["first", None]
    it.advance(LOOK_AGAIN_S)
    it.work("deadlines")
    assert [name for name, _ in told(it, session)] == ["first", None, "first"]


@pytest.mark.parametrize("how", ["accept", "assign", "write", "hand_back", "finish"])
def test_whatever_ends_the_wait_ends_the_offer(it: Desk, how: str) -> None:
    session = wait(it)
    second = it.people["second"]
    match how:
        case "assign":
            it.act(doors.assign, session, it.people["first"], target=second, link="")
        case "write":
            it.act(doors.write_message, session, second, text="I am here")
        case "finish":
            it.act(doors.finish, session, second, reason="")
        case _:
            it.act(getattr(doors, how), session, second)
    ended = "withdrawn" if how in ("hand_back", "finish") else "accepted"
    assert told(it, session) == [("first", ended)]
    it.advance(60)
    it.work("deadlines")
    assert len(it.offers(session)) == 1


def test_what_is_released_is_offered_anew_to_anybody(it: Desk) -> None:
    session = wait(it)
    it.act(doors.accept, session, it.people["first"])
    it.act(doors.release, session, it.people["first"])
    it.work("deadlines")
    assert told(it, session) == [("first", "accepted"), ("second", "open")]


def test_once_widened_everybody_is_asked(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(routing="round_robin", operators=("ann@acme.test",), offer_s=600.0)
    it = with_people(desk)
    session = wait(it)
    ann, bob = it.people["Ann"].id, it.people["Bob"].id
    assert [one.operator_id for one in it.offers(session)] == [ann]
    it.advance(601)
    it.work("deadlines")
    assert [one.operator_id for one in it.offers(session)] == [ann, None]
    it.advance(300)
    it.work("deadlines")
    assert it.session(session).widened
    assert bob in [one.operator_id for one in it.offers(session)]


def test_in_a_queue_nothing_is_offered(make_desk: Callable[..., Desk]) -> None:
    it = with_people(make_desk())
    session = wait(it)
    it.advance(60)
    it.work("deadlines")
    assert it.offers(session) == []


def test_two_drains_at_once_make_one_offer(on_both: Desk) -> None:
    it = on_both
    sessions = []
    for number in range(5):
        session = it.says("Hello?", f"c{number}")
        it.hand_over(session, it.people["Ann"])
        sessions.append(session)
    work = it.bench.works["deadlines"]
    keys = list(work.due(10))
    assert sorted(keys) == sorted(sessions)
    with Meanwhile(lambda: [work.do(key) for key in keys]):
        for key in keys:
            work.do(key)
    assert [len(it.offers(session)) for session in sessions] == [1] * 5


def test_who_is_deactivated_is_not_asked_any_more(it: Desk) -> None:
    session = wait(it)
    first = it.people["first"].id
    it.operator("Sam", "admin")
    it.database.write(lambda db: editing.edit(db, first, {"active": False}, it.now))
    for _ in range(3):
        it.advance(60)
        it.work("deadlines")
    asked = [one.operator_id for one in it.offers(session)]
    assert asked.count(first) == 1


def test_turns_go_round_over_several_sessions(it: Desk) -> None:
    sessions = [wait(it, f"c{number}") for number in range(4)]
    asked = [told(it, session)[0][0] for session in sessions]
    assert asked == ["first", "second", "first", "second"]


def test_what_waits_for_a_team_is_offered_to_its_people(on_both: Desk) -> None:
    it = on_both
    second = it.people["second"]
    team = it.database.write(lambda db: teams.add(db, "Second line", [second.id], it.now))
    session = it.says("Hello?")
    it.act(doors.assign_team, session, it.people["first"], team=team.id, link="")
    it.work("deadlines")
    assert [one.operator_id for one in it.offers(session)] == [second.id]
    told = select(JournalRow.kind).where(JournalRow.session_id == session)
    kinds = [row.kind for row in it.all(told.order_by(JournalRow.id))]
    assert kinds[-1] == "session.updated", "pages learn of an offer at once"


def test_a_team_without_people_leaves_it_to_those_of_the_agent(on_both: Desk) -> None:
    it = on_both
    team = it.database.write(lambda db: teams.add(db, "Nobody", [], it.now))
    session = it.says("Hello?")
    it.act(doors.assign_team, session, it.people["first"], team=team.id, link="")
    it.work("deadlines")
    assert [one.operator_id for one in it.offers(session)] == [it.people["first"].id]
