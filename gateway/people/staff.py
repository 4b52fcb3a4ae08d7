"""Who works in a channel, by the names the channel gives them."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from gateway.events import StaffSeen
from gateway.store.models import Staff
from gateway.store.sql import Prepared, insert_into, table_of

_DETAILS = ("name", "email", "away")

_STAFF = table_of(Staff)
_KNOWN = Prepared(
    lambda _: select(_STAFF.c.name, _STAFF.c.email, _STAFF.c.away, _STAFF.c.removed).where(
        _STAFF.c.installation_id == bindparam("installation"),
        _STAFF.c.kind == bindparam("kind"),
        _STAFF.c.external_id == bindparam("external"),
    )
)


def see(db: Session, installation_id: str, seen: StaffSeen) -> None:
    """Record a person, team or bot; a missing detail leaves the known one."""
    named = {"installation": installation_id, "kind": seen.kind, "external": seen.id}
    row = db.execute(_KNOWN.on(db), named).one_or_none()
    stated = {name: value for name in _DETAILS if (value := getattr(seen, name)) is not None}
    stated["removed"] = seen.removed
    if row is None:
        db.execute(
            insert_into(db, Staff)
            .values(
                installation_id=installation_id,
                kind=seen.kind,
                external_id=seen.id,
                **stated,
            )
            .on_conflict_do_nothing()
        )
    elif any(getattr(row, name) != value for name, value in stated.items()):
        db.execute(
            update(Staff)
            .where(
                Staff.installation_id == installation_id,
                Staff.kind == seen.kind,
                Staff.external_id == seen.id,
            )
            .values(stated)
        )
