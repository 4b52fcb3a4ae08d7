"""Changing operators: what an administrator may change of them, and what they were before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from gateway.errors import Conflict, NotFound, Unreadable
from gateway.hours import read_hours
from gateway.people import operators, signins
from gateway.store import Transaction
from gateway.store.models import DayOff, Operator, OperatorLink, Team, TeamMember, Token
from gateway.store.sql import insert_into, locked

Profile = dict[str, Any]
"""name, role, active, max_sessions, working_hours, days_off, team_ids, links."""

MOST_SESSIONS = 1_000
MOST_DAYS_OFF = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was changed, before and after, as JSON; empty before it is made and once it is gone."""

    before: Profile
    after: Profile


def edit(db: Transaction, operator_id: str, changes: Mapping[str, Any], now: int) -> Change:
    """Change what `changes` names; what it does not name stays. Of two at once the last one wins.

    `links` (channel → id, or None for none) are those to change, `team_ids` and `days_off` all that
    there are. Raises NotFound, Unreadable, and Conflict for a link that is another's or if no
    administrator would be left. Who is deactivated loses their tokens and sign-ins for good.
    """
    # In one order, whoever changes whom: of two administrators who dismiss each other one stays.
    is_admin = (Operator.role == "admin") & Operator.deactivated_at.is_(None)
    rows = select(Operator.id).where(or_(Operator.id == operator_id, is_admin))
    db.execute(locked(db, rows.order_by(Operator.id))).all()
    before = profile(db, operator_id)
    for name, value in changes.items():
        _CHANGING[name](db, operator_id, value, now)
    after = profile(db, operator_id)
    dismissed = _administrates(before) and not _administrates(after)
    if dismissed and db.scalar(select(Operator.id).where(is_admin).limit(1)) is None:
        raise Conflict("nobody could administrate any more; make somebody else an admin first")
    return Change(before=before, after=after)


def profile(db: Transaction, operator_id: str) -> Profile:
    """What can be changed of an operator, as JSON; raise NotFound."""
    row = db.execute(
        select(
            Operator.name, Operator.role, Operator.deactivated_at, Operator.max_sessions,
            Operator.working_hours,
        ).where(Operator.id == operator_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFound("there is no such operator")
    days = select(DayOff.day).where(DayOff.operator_id == operator_id).order_by(DayOff.day)
    teams = select(TeamMember.team_id).where(TeamMember.operator_id == operator_id)
    links = select(OperatorLink.channel, OperatorLink.external_id).where(
        OperatorLink.operator_id == operator_id
    )
    return {
        "name": row.name,
        "role": row.role,
        "active": row.deactivated_at is None,
        "max_sessions": row.max_sessions,
        "working_hours": row.working_hours,
        "days_off": list(db.scalars(days)),
        "team_ids": list(db.scalars(teams.order_by(TeamMember.team_id))),
        "links": {link[0]: link[1] for link in db.execute(links.order_by(OperatorLink.channel))},
    }


def read_week(text: str) -> str:
    """Working hours as they are kept; raise Unreadable with how they are written."""
    try:
        return read_hours(text).text
    except ValueError as error:
        raise Unreadable(f"working_hours: {error}") from error


def _administrates(what: Profile) -> bool:
    return bool(what["active"]) and what["role"] == "admin"


def _set(column: str, read: Callable[[Any], Any]) -> Callable[[Transaction, str, Any, int], None]:
    def change(db: Transaction, operator_id: str, value: Any, now: int) -> None:
        db.execute(update(Operator).where(Operator.id == operator_id).values({column: read(value)}))

    return change


def _read_limit(value: int | None) -> int | None:
    if value is not None and not 1 <= value <= MOST_SESSIONS:
        raise Unreadable(f"max_sessions is 1 to {MOST_SESSIONS}, or nothing for no limit")
    return value


def _set_active(db: Transaction, operator_id: str, active: bool, now: int) -> None:
    mine = Operator.id == operator_id
    if active:
        db.execute(update(Operator).where(mine).values(deactivated_at=None))
        return
    db.execute(
        update(Operator).where(mine, Operator.deactivated_at.is_(None)).values(deactivated_at=now)
    )
    db.execute(
        update(Token)
        .where(Token.operator_id == operator_id, Token.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    signins.end_all(db, operator_id)


def _set_days_off(db: Transaction, operator_id: str, days: Collection[date], now: int) -> None:
    named = sorted({day.isoformat() for day in days})
    if len(named) > MOST_DAYS_OFF:
        raise Unreadable(f"days_off are {MOST_DAYS_OFF} at most")
    db.execute(delete(DayOff).where(DayOff.operator_id == operator_id))
    if named:
        rows = [{"operator_id": operator_id, "day": day} for day in named]
        db.execute(insert(DayOff), rows)


def _set_teams(db: Transaction, operator_id: str, ids: Collection[str], now: int) -> None:
    wanted = sorted(set(ids))
    teams = select(Team.id).where(Team.id.in_(wanted)).order_by(Team.id)
    known = {row.id for row in db.execute(locked(db, teams))}
    for id in wanted:
        if id not in known:
            raise NotFound(f"there is no team {id}")
    db.execute(delete(TeamMember).where(TeamMember.operator_id == operator_id))
    if wanted:
        rows = [{"team_id": id, "operator_id": operator_id} for id in wanted]
        db.execute(insert_into(db, TeamMember).values(rows).on_conflict_do_nothing())


def _set_links(db: Transaction, operator_id: str, links: Mapping[str, Any], now: int) -> None:
    for channel, external_id in links.items():
        if external_id is None:
            operators.unlink(db, operator_id, channel)
        else:
            operators.link(db, operator_id, channel, external_id)


_CHANGING: Mapping[str, Callable[[Transaction, str, Any, int], None]] = {
    "name": _set("name", operators.read_name),
    "role": _set("role", operators.read_role),
    "max_sessions": _set("max_sessions", _read_limit),
    "working_hours": _set("working_hours", lambda text: None if text is None else read_week(text)),
    "active": _set_active,
    "days_off": _set_days_off,
    "team_ids": _set_teams,
    "links": _set_links,
}
