"""What people are called: joined when it is read, so that a new name shows in old lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, String, and_, bindparam, func, select

from gateway.store import Transaction
from gateway.store.models import (
    Contact,
    ContactIdentity,
    Installation,
    Operator,
    OperatorLink,
    Staff,
    Team,
)
from gateway.store.prepared import Prepared
from gateway.store.sql import literals

OPERATOR_PREFIX = "opr_"
TEAM_PREFIX = "tea_"
CUSTOMER = "Customer"
"""What a customer is called of whom nothing is known, wherever they are named."""
_FALLBACKS = {"operator": "Teammate", "team": "Team", "bot": "Bot"}
_NAMELESS = {
    "ai": "AI",
    "customer": CUSTOMER,
    "system": "System",
    "operator": "Somebody",
    "bot": "Another bot",
    "team": "A team",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who needs a name: a kind and an id within an installation."""

    installation: str
    kind: str
    id: str | None


@dataclass(slots=True, kw_only=True)
class Names:
    """Names by installation, kind and id, and those of our own operators and teams by id."""

    known: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)

    def known_name(self, person: Person, stored: str | None = None) -> str | None:
        """The name of today, else the one stored with the line, else None."""
        if person.id is None:
            return stored
        if _is_ours(person.id):
            return self.ours.get(person.id) or stored
        return self.known.get((person.installation, person.kind, person.id)) or stored

    def name(self, person: Person, stored: str | None = None) -> str:
        """A name to show, whatever is known: "Teammate 123" in the end."""
        found = self.known_name(person, stored)
        if found:
            return found
        if person.id is not None and person.kind in _FALLBACKS:
            return f"{_FALLBACKS[person.kind]} {person.id}"
        return _NAMELESS.get(person.kind, "Somebody")


def find_names(db: Transaction, people: Iterable[Person]) -> Names:
    """Look up everybody in one trip."""
    with db.in_one_trip():
        asked = ask_names(db, people)
    return asked()


def ask_names(db: Transaction, people: Iterable[Person]) -> Callable[[], Names]:
    """Ask for everybody in at most four statements; return how to get their names."""
    wanted = sorted({person for person in people if person.id is not None}, key=_sorting)
    ours = {person.id for person in wanted if person.id and _is_ours(person.id)}
    theirs = [person for person in wanted if person.id and not _is_ours(person.id)]
    customers = [person for person in wanted if person.kind == "customer"]
    staff = [person for person in theirs if person.kind != "customer"]
    asked_customers = _CUSTOMERS.ask(db, [_key(person) for person in customers])
    asked_staff = _STAFF.ask(db, [{**_key(one), "kind": one.kind} for one in staff])
    asked_ours = [
        (ids, named.ask(db, [{"key": id} for id in ids]))
        for prefix, named in ((OPERATOR_PREFIX, _OPERATORS), (TEAM_PREFIX, _TEAMS))
        if (ids := sorted(id for id in ours if id.startswith(prefix)))
    ]

    def get() -> Names:
        found = (*zip(customers, asked_customers(), strict=True),
                 *zip(staff, asked_staff(), strict=True))  # fmt: skip
        known = {
            (person.installation, person.kind, str(person.id)): rows[0].name
            for person, rows in found
            if rows and rows[0].name
        }
        named = {
            id: rows[0].name
            for ids, asked in asked_ours
            for id, rows in zip(ids, asked(), strict=True)
            if rows
        }
        return Names(known=known, ours=named)

    return get


def _is_ours(id: str) -> bool:
    return id.startswith((OPERATOR_PREFIX, TEAM_PREFIX))


def _sorting(person: Person) -> tuple[str, str, str]:
    return person.installation, person.kind, person.id or ""


def _key(person: Person) -> dict[str, str | None]:
    return {"installation": person.installation, "id": person.id}


def _staff(_: object) -> Select[Any]:
    """The channel's name of somebody inside; of whom it has named none, our own."""
    linked = and_(
        OperatorLink.channel == Installation.channel,
        OperatorLink.external_id == bindparam("id"),
        bindparam("kind", type_=String).in_(literals("operator")),
    )
    named = and_(
        Staff.installation_id == Installation.id,
        Staff.kind == bindparam("kind", type_=String),
        Staff.external_id == bindparam("id"),
    )
    return (
        select(func.coalesce(func.nullif(Staff.name, ""), Operator.name).label("name"))
        .select_from(Installation)
        .outerjoin(Staff, named)
        .outerjoin(OperatorLink, linked)
        .outerjoin(Operator, Operator.id == OperatorLink.operator_id)
        .where(Installation.id == bindparam("installation"))
    )


_STAFF = Prepared(_staff)
_CUSTOMERS = Prepared(
    lambda _: (
        select(Contact.name)
        .select_from(ContactIdentity)
        .join(Contact, Contact.id == ContactIdentity.contact_id)
        .where(
            ContactIdentity.installation_id == bindparam("installation"),
            ContactIdentity.external_id == bindparam("id"),
        )
    )
)
_OPERATORS = Prepared(lambda _: select(Operator.name).where(Operator.id == bindparam("key")))
_TEAMS = Prepared(lambda _: select(Team.name).where(Team.id == bindparam("key")))
