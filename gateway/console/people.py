"""The people inside as pages show them: how they are set, how things are, their picture."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from gateway.clock import to_micros
from gateway.errors import NotFound
from gateway.people import avatars
from gateway.people.availability import Member
from gateway.people.operators import Operator
from gateway.people.routing import Candidate
from gateway.reading.avatars import avatar
from gateway.store.models import OperatorAvatar
from gateway.wiring import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An operator; `picture` is the address of theirs, or nothing."""

    member: Member
    picture: str

    @property
    def candidate(self) -> Candidate:
        """What decides whether they are offered something."""
        return self.member.candidate


def everybody(parts: Parts) -> list[Person]:
    """Every operator, by name."""
    seen = parts.presences.read()
    now = to_micros(parts.clock.now())
    with parts.database.read() as db:
        members = parts.availability.roster(db, seen, now)
        rows = db.execute(select(OperatorAvatar.operator_id, OperatorAvatar.digest))
        digests = {row[0]: row[1] for row in rows}
    people = [
        Person(member=member, picture=_picture(member, digests.get(member.candidate.id)))
        for member in members
    ]
    return sorted(people, key=lambda one: (one.candidate.name.casefold(), one.candidate.id))


def one(parts: Parts, operator_id: str) -> Person:
    """One operator; raise NotFound."""
    for person in everybody(parts):
        if person.candidate.id == operator_id:
            return person
    raise NotFound("There is no such operator.")


def picture_of(parts: Parts, one: Operator) -> str:
    """The address of an operator's picture, or nothing."""
    with parts.database.read() as db:
        return avatar(one.id, one.name, avatars.digest_of(db, one.id))["url"] or ""


def _picture(member: Member, digest: str | None) -> str:
    return avatar(member.candidate.id, member.candidate.name, digest)["url"] or ""
