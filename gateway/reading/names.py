"""What people are called: joined when it is read, so that a new name shows in old lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

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
    """Look up everybody in at most five statements."""
    wanted = {person for person in people if person.id is not None}
    ours = {person.id for person in wanted if person.id and _is_ours(person.id)}
    customers = {p for p in wanted if p.kind == "customer"}
    staff = {p for p in wanted - customers if p.id and not _is_ours(p.id)}
    known: dict[tuple[str, str, str], str] = {}
    if staff:
        installations, ids = _sides(staff)
        rows = db.execute(
            select(Staff.installation_id, Staff.kind, Staff.external_id, Staff.name).where(
                Staff.installation_id.in_(installations), Staff.external_id.in_(ids)
            )
        )
        known.update({(row[0], row[1], row[2]): row[3] for row in rows if row[3]})
        nameless = {p for p in staff if (p.installation, p.kind, p.id) not in known}
        known.update(_linked(db, {p for p in nameless if p.kind == "operator"}))
    if customers:
        installations, ids = _sides(customers)
        rows = db.execute(
            select(ContactIdentity.installation_id, ContactIdentity.external_id, Contact.name)
            .join(Contact, Contact.id == ContactIdentity.contact_id)
            .where(
                ContactIdentity.installation_id.in_(installations),
                ContactIdentity.external_id.in_(ids),
            )
        )
        known.update({(row[0], "customer", row[1]): row[2] for row in rows if row[2]})
    named: dict[str, str] = {}
    for table, prefix in ((Operator, OPERATOR_PREFIX), (Team, TEAM_PREFIX)):
        ids = sorted(id for id in ours if id.startswith(prefix))
        if ids:
            found = db.execute(select(table.id, table.name).where(table.id.in_(ids)))
            named.update({row[0]: row[1] for row in found})
    return Names(known=known, ours=named)


def _is_ours(id: str) -> bool:
    return id.startswith((OPERATOR_PREFIX, TEAM_PREFIX))


def _linked(db: Transaction, people: Iterable[Person]) -> dict[tuple[str, str, str], str]:
    """Our own names of people whom the channel has not named yet."""
    installations, ids = _sides(people)
    if not ids:
        return {}
    rows = db.execute(
        select(Installation.id, OperatorLink.external_id, Operator.name)
        .join(OperatorLink, OperatorLink.channel == Installation.channel)
        .join(Operator, Operator.id == OperatorLink.operator_id)
        .where(Installation.id.in_(installations), OperatorLink.external_id.in_(ids))
    )
    return {(row[0], "operator", row[1]): row[2] for row in rows}


def _sides(people: Iterable[Person]) -> tuple[list[str], list[str]]:
    listed = list(people)
    return sorted({p.installation for p in listed}), sorted({p.id for p in listed if p.id})
