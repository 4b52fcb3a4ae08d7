"""To whom a waiting session is offered: pure decisions over candidates, in words and in order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gateway.people.operators import Role
from gateway.people.presence import Presence

Routing = Literal["queue", "round_robin"]
Circle = Literal["named", "team", "others"]
"""How near somebody is to an agent: named in its settings, in its team, or neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """As much of one who may take sessions as tells whether somebody works, as of one moment.

    `opens_at` is as a Candidate's.
    """

    circle: Circle
    in_hours: bool
    opens_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An operator as one whom a session may be offered to, as of one moment.

    `opens_at` is when their next working time begins; None within working hours, and if none is
    known to begin. `max_sessions` is None where there is no limit. `offered_at` (µs) is 0 for one
    who was never offered anything. `links` says who they are in a channel, by its name.
    """

    id: str
    name: str
    email: str
    role: Role
    active: bool = True
    presence: Presence = "offline"
    in_hours: bool = True
    opens_at: datetime | None = None
    open_sessions: int = 0
    max_sessions: int | None = None
    offered_at: int = 0
    circle: Circle = "others"
    team_ids: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """True if they have as many open sessions as they may."""
        return self.max_sessions is not None and self.open_sessions >= self.max_sessions

    @property
    def available(self) -> bool:
        """True if a session may be offered to them now: there, at work, and not full."""
        return (
            self.active
            and self.role != "viewer"
            and self.presence == "online"
            and self.in_hours
            and not self.full
        )


def may_take(candidate: Candidate) -> str | None:
    """Why this operator may not accept or be assigned a session, in a sentence; None if they may.

    Neither presence nor working hours forbid it: whoever accepts is evidently there.
    """
    if not candidate.active:
        return f"{candidate.name} is deactivated"
    if candidate.role == "viewer":
        return f"{candidate.name} is a viewer and cannot take sessions"
    if candidate.full:
        return (
            f"{candidate.name} has {candidate.open_sessions} open sessions "
            f"and may have {candidate.max_sessions} at most"
        )
    return None


def next_offer(
    candidates: Iterable[Candidate], asked: Collection[str], kind: Routing
) -> Candidate | None:
    """Whom to offer the session to next; None if there is nobody left, or nobody is offered to.

    Round robin: among those who are available and not `asked` (ids) yet, whoever was offered
    something longest ago; then who has the fewest open sessions; then by id. In a queue sessions
    are offered to nobody: whoever accepts first has it.
    """
    if kind == "queue":
        return None
    left = (one for one in candidates if one.available and one.id not in asked)
    return min(left, key=lambda one: (one.offered_at, one.open_sessions, one.id), default=None)


def anybody(candidates: Iterable[Candidate]) -> bool:
    """True if somebody can come now: there, at work, and not full."""
    return any(one.available for one in candidates)


def anybody_works(shifts: Iterable[Shift]) -> bool:
    """True if somebody is within working hours now, there or not."""
    return any(one.in_hours for one in shifts)


def opens_at(shifts: Collection[Shift]) -> datetime | None:
    """When the next working time of any of them begins; None while somebody works, and if none is
    known to begin."""
    if anybody_works(shifts):
        return None
    return min((one.opens_at for one in shifts if one.opens_at is not None), default=None)
