"""Teams: operators who answer for the same customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from gateway.errors import Conflict, NotFound, Unreadable
from gateway.people.editing import Change, Profile
from gateway.store import Transaction, new_id
from gateway.store.models import Operator, TeamMember
from gateway.store.models import Team as TeamRow
from gateway.store.sql import insert_into, locked

_LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team, and the ids of its members, also of those who are deactivated."""

    id: str
    name: str
    member_ids: tuple[str, ...]
    created_at: int

    def profile(self) -> Profile:
        """What can be changed of it, as JSON."""
        return {"name": self.name, "member_ids": list(self.member_ids)}


def add(db: Transaction, name: str, member_ids: Collection[str], now: int) -> Team:
    """Make a team; raise Unreadable, Conflict for a name that is taken, NotFound for a member."""
    id, name = new_id("tea"), _name(name)
    _lock_all(db)
    made = db.scalar(
        insert_into(db, TeamRow)
        .values(id=id, name=name, created_at=now)
        .on_conflict_do_nothing()
        .returning(TeamRow.id)
    )
    if made is None:
        raise Conflict(f"there is a team {name} already")
    _set_members(db, id, member_ids)
    return find(db, id)


def edit(
    db: Transaction,
    team_id: str,
    *,
    name: str | None = None,
    member_ids: Collection[str] | None = None,
) -> Change:
    """Change a team's name, or who is in it (all of them). Raises as `add` does."""
    if name is not None:
        _lock_all(db)
    before = _lock(db, team_id)
    if name is not None and _name(name) != before.name:
        if _named(db, _name(name)) is not None:
            raise Conflict(f"there is a team {_name(name)} already")
        db.execute(update(TeamRow).where(TeamRow.id == team_id).values(name=_name(name)))
    if member_ids is not None:
        _set_members(db, team_id, member_ids)
    return Change(before=before.profile(), after=find(db, team_id).profile())


def join(db: Transaction, team_id: str, operator_id: str) -> Change:
    """Take an operator into a team; it changes nothing if they are in it. Raises NotFound."""
    before = _lock(db, team_id)
    _check(db, {operator_id})
    db.execute(
        insert_into(db, TeamMember)
        .values(team_id=team_id, operator_id=operator_id)
        .on_conflict_do_nothing()
    )
    return Change(before=before.profile(), after=find(db, team_id).profile())


def leave(db: Transaction, team_id: str, operator_id: str) -> Change:
    """Take an operator out of a team; it changes nothing if they are not in it. Raises NotFound."""
    before = _lock(db, team_id)
    db.execute(
        delete(TeamMember).where(
            TeamMember.team_id == team_id, TeamMember.operator_id == operator_id
        )
    )
    return Change(before=before.profile(), after=find(db, team_id).profile())


def remove(db: Transaction, team_id: str) -> Change:
    """Remove a team; its members stay operators. Raises NotFound."""
    before = _lock(db, team_id)
    db.execute(delete(TeamMember).where(TeamMember.team_id == team_id))
    db.execute(delete(TeamRow).where(TeamRow.id == team_id))
    return Change(before=before.profile(), after={})


def find_all(db: Transaction) -> Sequence[Team]:
    """All teams by name."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    for row in db.execute(
        select(TeamMember.team_id, TeamMember.operator_id).order_by(TeamMember.operator_id)
    ):
        members[row.team_id].append(row.operator_id)
    rows = db.execute(select(TeamRow.id, TeamRow.name, TeamRow.created_at).order_by(TeamRow.name))
    return [
        Team(id=row.id, name=row.name, member_ids=tuple(members[row.id]), created_at=row.created_at)
        for row in rows
    ]


def find(db: Transaction, team_id: str) -> Team:
    """One team; raise NotFound."""
    row = db.execute(
        select(TeamRow.name, TeamRow.created_at).where(TeamRow.id == team_id)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such team")
    members = select(TeamMember.operator_id).where(TeamMember.team_id == team_id)
    return Team(
        id=team_id,
        name=row.name,
        member_ids=tuple(db.scalars(members.order_by(TeamMember.operator_id))),
        created_at=row.created_at,
    )


def find_by_name(db: Transaction, name: str) -> Team:
    """The team of this name; raise NotFound, which names those there are."""
    id = _named(db, _name(name))
    if id is None:
        known = ", ".join(team.name for team in find_all(db)) or "none"
        raise NotFound(f"there is no team {_name(name)}; there are: {known}")
    return find(db, id)


def _named(db: Transaction, name: str) -> str | None:
    return db.scalar(select(TeamRow.id).where(TeamRow.name == name))


def _lock(db: Transaction, team_id: str) -> Team:
    db.execute(locked(db, select(TeamRow.id).where(TeamRow.id == team_id))).all()
    return find(db, team_id)


def _lock_all(db: Transaction) -> None:
    """Let nobody else make or rename a team meanwhile: of two with one name the second is told."""
    db.execute(locked(db, select(TeamRow.id).order_by(TeamRow.id))).all()


def _set_members(db: Transaction, team_id: str, member_ids: Collection[str]) -> None:
    wanted = set(member_ids)
    _check(db, wanted)
    db.execute(delete(TeamMember).where(TeamMember.team_id == team_id))
    if wanted:
        rows = [{"team_id": team_id, "operator_id": id} for id in sorted(wanted)]
        db.execute(insert_into(db, TeamMember).values(rows).on_conflict_do_nothing())


def _check(db: Transaction, operator_ids: Collection[str]) -> None:
    known = set(db.scalars(select(Operator.id).where(Operator.id.in_(operator_ids))))
    for id in sorted(operator_ids):
        if id not in known:
            raise NotFound(f"there is no operator {id}")


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or "\x00" in name or len(name) > _LONGEST:
        raise Unreadable(f"a team's name has 1 to {_LONGEST} characters")
    return name
