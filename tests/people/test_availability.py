"""Candidates from the record and from Redis, in a fixed number of statements; presence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, update

from gateway.clock import MovableClock, to_micros
from gateway.hours import read_hours
from gateway.people import operators
from gateway.people.availability import Availability, offered
from gateway.people.presence import LASTS_S, Presences, Seen
from gateway.people.routing import Candidate
from gateway.policy import AgentTerms
from gateway.store import Database, new_id
from gateway.store.models import (
    ChatSession,
    Conversation,
    DayOff,
    Installation,
    Operator,
    Team,
    TeamMember,
)
from gateway.wake import impatient_redis
from tests.services.statements import counted
from tests.services.valkey import ValkeyServer

# A Monday, 16:08 in Dublin.
NOW = to_micros(datetime(2026, 11, 23, 16, 8, tzinfo=UTC))
HOURS = read_hours("Mon-Fri 09:00-17:00")
AGENTS = {
    "named": AgentTerms(name="named", operators=("Bob@acme.test", "vic@acme.test")),
    "team": AgentTerms(name="team", team="First line"),
    "both": AgentTerms(name="both", operators=("bob@acme.test",), team="First line"),
    "lost": AgentTerms(name="lost", operators=("nobody@acme.test",), team="No such team"),
}


class Office:
    """Ann and Cat are in a team, Bob is not, Vic is a viewer, Gus is gone."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.id = {
            name: self.hire(name, role)
            for name, role in (
                ("ann", "operator"), ("bob", "admin"), ("cat", "operator"), ("vic", "viewer"),
                ("gus", "operator"),
            )
        }  # fmt: skip
        self.set("gus", deactivated_at=NOW)
        team = new_id("tea")
        self.add(Team, id=team, name="First line", created_at=NOW)
        for name in ("ann", "cat", "gus"):
            self.add(TeamMember, team_id=team, operator_id=self.id[name])
        self.home, self.count = new_id("ins"), 0
        self.add(
            Installation, id=self.home, channel="intercom", slot="", external_id="x", created_at=NOW
        )

    def hire(self, name: str, role: str) -> str:
        return self.database.write(
            lambda db: operators.add(
                db, email=f"{name}@acme.test", name=name.title(), role=role, now=NOW
            )
        ).id

    def add(self, table: Any, **values: Any) -> None:
        self.database.write(lambda db: db.execute(insert(table), [values]))

    def set(self, name: str, **values: Any) -> None:
        self.database.write(
            lambda db: db.execute(
                update(Operator).where(Operator.id == self.id[name]).values(**values)
            )
        )

    def session(self, responsible: str | None, **more: Any) -> None:
        self.count += 1
        values: dict[str, Any] = {
            "channel": "intercom", "mode": "human", "status": "active",
            "responsible_kind": "operator", **more,
        }  # fmt: skip
        conversation = new_id("cnv")
        self.add(
            Conversation, id=conversation, installation_id=self.home, channel=values["channel"],
            external_id=str(self.count), contact_at=0, thread="{}", read_attempts=0, truth_at=0,
            created_at=NOW,
        )  # fmt: skip
        self.add(
            ChatSession, id=new_id("ses"), conversation_id=conversation, agent="named",
            opened_by="1", opened_at=NOW, opened_number=1, opened_step=0, epoch=0,
            responsible_id=responsible, message_count=0, parameters={}, results={}, **values,
        )  # fmt: skip

    def candidates(self, agent: str = "lost", presence: Seen = Seen(), now: int = NOW, **more: Any):  # type: ignore[no-untyped-def]
        with self.database.read() as db:
            return Availability(ZoneInfo("Europe/Dublin"), HOURS, AGENTS).candidates(
                db, presence, agent, now, **more
            )

    def one(self, name: str, **more: Any) -> Candidate:
        found: Candidate
        (found,) = [one for one in self.candidates(**more) if one.id == self.id[name]]
        return found


@pytest.fixture
def office(migrated_url: str) -> Iterator[Office]:
    database = Database(migrated_url)
    yield Office(database)
    database.dispose()


def names(candidates: list[Candidate]) -> list[str]:
    return sorted(one.name for one in candidates)


def test_who_is_asked_for_an_agent(office: Office) -> None:
    assert names(office.candidates("named")) == ["Bob"]
    assert names(office.candidates("team")) == ["Ann", "Cat"]
    assert names(office.candidates("both")) == ["Bob"]
    assert names(office.candidates("both", reach="team")) == ["Ann", "Bob", "Cat"]
    everybody = ["Ann", "Bob", "Cat"]
    assert names(office.candidates("both", reach="all")) == everybody
    assert names(office.candidates("lost")) == everybody
    assert names(office.candidates("not configured any more")) == everybody


def test_who_has_left_is_asked_nothing_any_more(office: Office) -> None:
    office.set("bob", deactivated_at=NOW)
    assert names(office.candidates("both")) == ["Ann", "Cat"]


def test_presence_is_part_of_it(office: Office) -> None:
    seen = Seen(states={office.id["ann"]: "online", office.id["bob"]: "away"})
    states = {one.name: one.presence for one in office.candidates(presence=seen)}
    assert states == {"Ann": "online", "Bob": "away", "Cat": "offline"}
    unknown = office.candidates(presence=Seen(known=False))
    assert {one.presence for one in unknown} == {"unknown"}
    assert not any(one.available for one in unknown)


def test_hours_are_ones_own_or_the_workspaces(office: Office) -> None:
    office.set("ann", working_hours="Tue 10:00-12:00")
    office.add(DayOff, operator_id=office.id["cat"], day="2026-11-23")
    ann, bob, cat = (office.one(name) for name in ("ann", "bob", "cat"))
    assert (bob.in_hours, bob.opens_at) == (True, None)
    assert (ann.in_hours, ann.opens_at) == (False, datetime(2026, 11, 24, 10, tzinfo=UTC))
    assert (cat.in_hours, cat.opens_at) == (False, datetime(2026, 11, 24, 9, tzinfo=UTC))
    evening = NOW + 3_600_000_000
    assert office.one("bob", now=evening).opens_at == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_shifts_tell_the_same_of_when_people_work(office: Office) -> None:
    office.set("bob", working_hours="Tue 10:00-11:00")
    office.add(DayOff, operator_id=office.id["ann"], day="2026-11-23")
    office.add(DayOff, operator_id=office.id["cat"], day="2026-11-20")  # it is over
    for agent in (*AGENTS, "unheard of"):
        for hours in (0, 2, 24, 100):
            now = NOW + hours * 3_600_000_000
            with office.database.read() as db:
                there = Availability(ZoneInfo("Europe/Dublin"), HOURS, AGENTS)
                shifts = there.shifts(db, agent, now)
            assert sorted(
                (one.circle, one.in_hours, str(one.opens_at)) for one in shifts
            ) == sorted(
                (one.circle, one.in_hours, str(one.opens_at))
                for one in office.candidates(agent, now=now)
            ), (agent, hours)


def test_open_sessions_are_counted_under_both_of_ones_names(office: Office) -> None:
    ann, bob = office.id["ann"], office.id["bob"]
    office.database.write(lambda db: operators.link(db, ann, "intercom", "900"))
    office.database.write(lambda db: operators.link(db, bob, "other", "900"))
    office.session(ann)
    office.session("900")
    office.session("900", mode="copilot")
    for more in (
        {"status": "finished", "finished_at": NOW},
        {"mode": "ai"},
        {"responsible_kind": "bot"},
        {"channel": "third"},
    ):
        values: dict[str, Any] = more
        office.session("900", **values)
    office.session(None, responsible_kind="unassigned")
    office.session("900", channel="other")
    assert office.one("ann").open_sessions == 3
    assert office.one("bob").open_sessions == 1
    assert office.one("cat").open_sessions == 0
    assert office.one("ann").links == {"intercom": "900"}


def test_who_was_offered_something_is_remembered(office: Office) -> None:
    office.database.write(lambda db: offered(db, office.id["cat"], NOW))
    assert (office.one("cat").offered_at, office.one("ann").offered_at) == (NOW, 0)


def test_the_number_of_statements_is_fixed(office: Office) -> None:
    counts = []
    for more in range(2):
        for number in range(5 * more):
            office.id[f"p{number}"] = office.hire(f"p{number}", "operator")
            office.session(office.id[f"p{number}"])
        with counted(office.database) as said:
            office.candidates("both")
        counts.append(len(said))
    assert counts == [5, 5]


# -- presence ----------------------------------------------------------------------------------


def test_presence_lasts_a_minute_and_a_half(valkey_url: str) -> None:
    clock = MovableClock(datetime(2026, 11, 23, 16, 8, tzinfo=UTC))
    here, there = (Presences(impatient_redis(valkey_url), clock) for _ in range(2))
    assert there.read().states == {}
    assert here.say("opr_a", "online") == to_micros(clock.now()) + int(LASTS_S * 1e6)
    here.say("opr_b", "away")
    assert there.read().states == {"opr_a": "online", "opr_b": "away"}
    clock.advance(LASTS_S - 1)
    here.say("opr_b", "online")
    clock.advance(1)
    assert there.read() == Seen(states={"opr_b": "online"})
    assert there.read().of("opr_a") == "offline"
    here.say("opr_b", "offline")
    assert there.read() == Seen()


def test_absence_means_nothing_until_everybody_could_say_that_they_are_there(
    valkey_url: str,
) -> None:
    clock = MovableClock(datetime(2026, 11, 23, 16, 8, tzinfo=UTC))
    connection = impatient_redis(valkey_url)
    presences = Presences(connection, clock)
    for _ in range(2):
        presences.say("opr_a", "online")
        for seconds in (0, LASTS_S - 1):
            clock.advance(seconds)
            assert (presences.read().known, presences.read().sure) == (True, False)
        clock.advance(1)
        assert presences.read() == Seen()
        connection.flushall()


def test_without_redis_presence_is_unknown_and_nothing_fails(own_valkey: ValkeyServer) -> None:
    clock = MovableClock(datetime(2026, 11, 23, 16, 8, tzinfo=UTC))
    own_valkey.start()
    presences = Presences(impatient_redis(own_valkey.url), clock)
    presences.say("opr_a", "online")
    own_valkey.stop()
    assert presences.say("opr_a", "online") is None
    assert presences.read() == Seen(known=False, sure=False)
    assert presences.read().of("opr_a") == "unknown"
    # Away for so long that it is no hiccup: nobody is known to be there.
    clock.advance(LASTS_S)
    assert presences.read() == Seen(known=False)
    own_valkey.start()
    # It is left alone for a second; then everybody says it anew.
    assert not presences.read().known
    clock.advance(1)
    assert presences.read() == Seen(sure=False)
    assert Presences(None, clock).read() == Seen(known=False)
    assert Presences(None, clock).say("opr_a", "online") is None


def test_nonsense_in_redis_is_nobodys_presence(valkey_url: str) -> None:
    clock = MovableClock(datetime(2026, 11, 23, 16, 8, tzinfo=UTC))
    connection = impatient_redis(valkey_url)
    for field, word in (
        ("a", "online"),
        ("b", "online:x"),
        ("c", "boss:9" + "9" * 17),
        ("d", b"\xff"),
    ):
        connection.hset("presence", field, word)
    connection.set("presence:since", "x")
    assert Presences(connection, clock).read() == Seen(sure=False)
    connection.set("presence", "not a hash")
    assert not Presences(connection, clock).read().known
