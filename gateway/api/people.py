"""Operators as the API tells of them: how they are set, and how things are just now."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from gateway.clock import to_micros
from gateway.errors import NotFound
from gateway.people.availability import Member
from gateway.people.presence import Seen
from gateway.rails.answers import Json
from gateway.reading.avatars import avatar
from gateway.reading.cursors import from_cursor, to_cursor, to_time
from gateway.store import Transaction
from gateway.store.models import OperatorAvatar
from gateway.wiring import Parts


class People:
    """Tells of operators. `seen` is everybody's presence, read before the transaction."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def seen(self) -> Seen:
        """Everybody's presence."""
        return self._parts.presences.read()

    def one(self, db: Transaction, seen: Seen, operator_id: str) -> Json:
        """One operator; raise NotFound."""
        for member in self._roster(db, seen):
            if member.candidate.id == operator_id:
                return _to_json(member, _digests(db, [member]).get(operator_id))
        raise NotFound("there is no such operator")

    def page(
        self,
        db: Transaction,
        seen: Seen,
        *,
        limit: int,
        cursor: str | None = None,
        active: bool | None = None,
        team: str | None = None,
    ) -> Json:
        """A page of operators by name. Raises Unreadable for a foreign cursor."""
        last = from_cursor(cursor, (str, str)) if cursor is not None else None
        found = [
            member
            for member in sorted(self._roster(db, seen), key=_place)
            if (active is None or member.candidate.active is active)
            and (team is None or team in member.candidate.team_ids)
            and (last is None or _place(member) > tuple(map(str, last)))
        ]
        shown = found[:limit]
        digests = _digests(db, shown)
        following = to_cursor(_place(shown[-1])) if len(found) > limit else None
        items = [_to_json(member, digests.get(member.candidate.id)) for member in shown]
        return {"items": items, "next_cursor": following}

    def _roster(self, db: Transaction, seen: Seen) -> list[Member]:
        now = to_micros(self._parts.clock.now())
        return self._parts.availability.roster(db, seen, now)


def _place(member: Member) -> tuple[str, str]:
    return member.candidate.name.casefold(), member.candidate.id


def _digests(db: Transaction, members: Sequence[Member]) -> dict[str, str]:
    ids = [member.candidate.id for member in members]
    rows = db.execute(
        select(OperatorAvatar.operator_id, OperatorAvatar.digest).where(
            OperatorAvatar.operator_id.in_(ids)
        )
    )
    return {row[0]: row[1] for row in rows}


def _to_json(member: Member, digest: str | None) -> Json:
    who = member.candidate
    return {
        "id": who.id,
        "email": who.email,
        "name": who.name,
        "role": who.role,
        "active": who.active,
        "avatar": avatar(who.id, who.name, digest),
        "presence": who.presence,
        "in_hours": who.in_hours,
        "opens_at": to_time(to_micros(who.opens_at)) if who.opens_at else None,
        "open_sessions": who.open_sessions,
        "max_sessions": who.max_sessions,
        "working_hours": member.working_hours,
        "days_off": [day.isoformat() for day in member.days_off],
        "team_ids": list(who.team_ids),
        "links": dict(who.links),
        "created_at": to_time(member.created_at),
    }
