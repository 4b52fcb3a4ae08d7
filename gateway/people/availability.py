"""Who could take a session: operators with presence, hours and load, in five statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Row, bindparam, func, select, update

from gateway.clock import from_micros
from gateway.errors import NotFound
from gateway.hours import Hours, read_hours
from gateway.people.operators import read_role
from gateway.people.presence import Seen
from gateway.people.routing import Candidate, Circle, Shift, may_take
from gateway.policy import AgentTerms
from gateway.store import Transaction
from gateway.store.models import ChatSession, DayOff, Operator, OperatorLink, Team, TeamMember
from gateway.store.prepared import Prepared
from gateway.store.sql import literals

__all__ = ["Availability", "Reach", "may_take"]

Reach = Literal["first", "team", "all"]
"""How far to look: those asked first, also the agent's whole team, or everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Everybody:
    """What the record says of operators, loaded at once; ids lead to everything."""

    rows: Sequence[Row[*tuple[Any, ...]]]
    links: Mapping[str, Mapping[str, str]]
    teams: Mapping[str, Sequence[str]]
    team_names: Mapping[str, str]
    days_off: Mapping[str, Sequence[date]]
    open_sessions: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An operator as pages show them: as a candidate, and what else is set of them.

    `working_hours` is None where the workspace's hold; `days_off` are those from two days ago on.
    """

    candidate: Candidate
    working_hours: str | None
    days_off: tuple[date, ...]
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _AtWork:
    in_hours: bool
    opens_at: datetime | None


class Availability:
    """Loads candidates. What the settings say of time zone, hours and agents is given once."""

    def __init__(self, zone: ZoneInfo, hours: Hours, agents: Mapping[str, AgentTerms]) -> None:
        self._zone = zone
        self._hours = hours
        self._agents = agents

    def candidates(
        self, db: Transaction, presence: Seen, agent_name: str, now: int, *, reach: Reach = "first"
    ) -> list[Candidate]:
        """The active operators and admins whom an agent's session is for, by id.

        Those named by the agent's `operators`; if there are none, its `team`; else everybody.
        `reach` widens that: `team` to both, `all` to everybody. `presence` is what
        `Presences.read()` gave, before the transaction was opened; `now` is in µs.
        """
        agent = self._agents.get(agent_name) or AgentTerms(name=agent_name)
        found = [
            member.candidate
            for member in self.roster(db, presence, now, agent=agent)
            if member.candidate.active and member.candidate.role != "viewer"
        ]
        return within(found, reach)

    def roster(
        self, db: Transaction, presence: Seen, now: int, *, agent: AgentTerms | None = None
    ) -> list[Member]:
        """All operators by id, also viewers and the deactivated; circles as `agent` has them."""
        known = load(db, now)
        at = from_micros(now)
        at_work = self._at_work(at, known.days_off)
        return [_member(row, known, presence, agent, at_work(row)) for row in known.rows]

    def shifts(self, db: Transaction, agent_name: str, now: int) -> list[Shift]:
        """When those work whom an agent's sessions are for: of `candidates` what needs neither
        presence nor load, in one trip, since each handover asks for it."""
        agent = self._agents.get(agent_name) or AgentTerms(name=agent_name)
        at = from_micros(now)
        with db.in_one_trip():
            asked = _WORKERS.ask(db, [{}])
            asked_off = _OFF.ask(db, [{"since": _since(at)}])
            asked_team = _IN_TEAM.ask_all(db, [{"team": agent.team}] if agent.team else [])
        at_work = self._at_work(at, _days_off(asked_off()[0]))
        team = {row.operator_id for row in asked_team()}
        found = []
        for row in asked()[0]:
            circle = _circle(row.email, row.id in team, agent)
            one = at_work(row)
            found.append(Shift(circle=circle, in_hours=one.in_hours, opens_at=one.opens_at))
        return within(found, "first")

    def candidate(self, db: Transaction, presence: Seen, operator_id: str, now: int) -> Candidate:
        """One operator as a candidate, whoever they are; raise NotFound."""
        for member in self.roster(db, presence, now):
            if member.candidate.id == operator_id:
                return member.candidate
        raise NotFound("there is no such operator")

    def _at_work(
        self, at: datetime, days_off: Mapping[str, Sequence[date]]
    ) -> Callable[[Any], _AtWork]:
        """Who (a row) is at work then. Most have the same hours: each is worked out once."""

        @cache
        def worked_out(own: str | None, off: tuple[date, ...]) -> _AtWork:
            hours = read_hours(own) if own else self._hours
            opens_at = hours.opens_at(at, self._zone, off)
            in_hours = opens_at is None and hours.is_open(at, self._zone, off)
            return _AtWork(in_hours=in_hours, opens_at=opens_at)

        return lambda row: worked_out(row.working_hours, tuple(days_off.get(row.id, ())))


def _member(
    row: Row[*tuple[Any, ...]],
    known: Everybody,
    presence: Seen,
    agent: AgentTerms | None,
    at_work: _AtWork,
) -> Member:
    teams = known.teams.get(row.id, ())
    return Member(
        candidate=Candidate(
            id=row.id,
            name=row.name,
            email=row.email,
            role=read_role(row.role),
            active=row.deactivated_at is None,
            presence=presence.of(row.id),
            in_hours=at_work.in_hours,
            opens_at=at_work.opens_at,
            open_sessions=known.open_sessions.get(row.id, 0),
            max_sessions=row.max_sessions,
            offered_at=row.offered_at,
            circle=_circle(
                row.email,
                agent is not None and agent.team in [known.team_names[id] for id in teams],
                agent,
            ),
            team_ids=tuple(teams),
            links=known.links.get(row.id, {}),
        ),
        working_hours=row.working_hours,
        days_off=tuple(known.days_off.get(row.id, ())),
        created_at=row.created_at,
    )


def _circle(email: str, in_team: bool, agent: AgentTerms | None) -> Circle:
    if agent is not None and email in (address.lower() for address in agent.operators):
        return "named"
    return "team" if in_team else "others"


Near = TypeVar("Near", Candidate, Shift)


def within(candidates: Iterable[Near], reach: Reach) -> list[Near]:
    """Those of the nearest circle that holds anybody, or those that `reach` takes in."""
    found = list(candidates)
    if reach == "all":
        return found
    circles: Sequence[Sequence[Circle]] = (
        (("named",), ("team",)) if reach == "first" else (("named", "team"),)
    )
    for circle in circles:
        near = [one for one in found if one.circle in circle]
        if near:
            return near
    return found


def offered(db: Transaction, operator_id: str, now: int) -> None:
    """A session is offered to this operator: the others come first next time."""
    db.execute(update(Operator).where(Operator.id == operator_id).values(offered_at=now))


def load(db: Transaction, now: int) -> Everybody:
    """Read what the record says of all operators; days off from yesterday on."""
    rows = db.execute(
        select(
            Operator.id, Operator.email, Operator.name, Operator.role, Operator.deactivated_at,
            Operator.max_sessions, Operator.working_hours, Operator.offered_at, Operator.created_at,
        ).order_by(Operator.id)
    ).all()  # fmt: skip
    links: defaultdict[str, dict[str, str]] = defaultdict(dict)
    by_link: dict[tuple[str, str], str] = {}
    for link in db.execute(
        select(OperatorLink.operator_id, OperatorLink.channel, OperatorLink.external_id)
    ):
        links[link.operator_id][link.channel] = link.external_id
        by_link[link.channel, link.external_id] = link.operator_id
    teams: defaultdict[str, list[str]] = defaultdict(list)
    names: dict[str, str] = {}
    for member in db.execute(
        select(Team.id, Team.name, TeamMember.operator_id)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .order_by(Team.id)
    ):
        names[member.id] = member.name
        teams[member.operator_id].append(member.id)
    days = _days_off(
        db.execute(
            select(DayOff.operator_id, DayOff.day)
            .where(DayOff.day >= _since(from_micros(now)))
            .order_by(DayOff.day)
        )
    )
    counts: defaultdict[str, int] = defaultdict(int)
    for held in db.execute(_HELD):
        # Under the channel's own id of them, or under ours.
        counts[by_link.get((held.channel, held.responsible_id), held.responsible_id)] += held.many
    return Everybody(
        rows=rows, links=links, teams=teams, team_names=names, days_off=days, open_sessions=counts
    )


def _days_off(rows: Iterable[Any]) -> Mapping[str, Sequence[date]]:
    """Days off by operator."""
    days: defaultdict[str, list[date]] = defaultdict(list)
    for row in rows:
        days[row.operator_id].append(date.fromisoformat(row.day))
    return days


def _since(at: datetime) -> str:
    """The first day off that may matter: shifts that began yesterday, anywhere, may still last."""
    return (at - timedelta(days=2)).date().isoformat()


_WORKERS = Prepared(
    lambda _: select(Operator.id, Operator.email, Operator.working_hours).where(
        Operator.deactivated_at.is_(None), Operator.role != "viewer"
    )
)
_OFF = Prepared(
    lambda _: (
        select(DayOff.operator_id, DayOff.day)
        .where(DayOff.day >= bindparam("since"))
        .order_by(DayOff.day)
    )
)
_IN_TEAM = Prepared(
    lambda _: (
        select(TeamMember.operator_id)
        .join(Team, Team.id == TeamMember.team_id)
        .where(Team.name == bindparam("team"))
    )
)
_HELD = (
    select(ChatSession.channel, ChatSession.responsible_id, func.count().label("many"))
    .where(
        ChatSession.status.in_(literals("active")),
        ChatSession.responsible_kind.in_(literals("operator")),
        ChatSession.mode != "ai",
        ChatSession.responsible_id.is_not(None),
    )
    .group_by(ChatSession.channel, ChatSession.responsible_id)
)
