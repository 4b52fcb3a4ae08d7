"""Who works in a channel, by the names the channel gives them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.events import StaffSeen
from gateway.store import Transaction
from gateway.store.models import Staff
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, table_of

_DETAILS = ("name", "email", "away")

_Known = namedtuple("_Known", ("name", "email", "away", "removed"))

_STAFF = table_of(Staff)
_KNOWN = Prepared(
    lambda _: select(_STAFF.c.name, _STAFF.c.email, _STAFF.c.away, _STAFF.c.removed).where(
        _STAFF.c.installation_id == bindparam("installation"),
        _STAFF.c.kind == bindparam("kind"),
        _STAFF.c.external_id == bindparam("external"),
    )
)


def see(db: Transaction, installation_id: str, several: Iterable[StaffSeen]) -> None:
    """Record people, teams and bots; a missing detail leaves the known one."""
    # The same teammate is behind most of what comes at once: each is looked up once.
    told = dict.fromkeys(several)
    asked = [
        {"installation": installation_id, "kind": kind, "external": id}
        for kind, id in sorted({(seen.kind, seen.id) for seen in told})
    ]
    found = _KNOWN.each(db, asked)
    known = {
        (one["kind"], one["external"]): row
        for one, rows in zip(asked, found, strict=True)
        for row in rows
    }
    for seen in told:
        known[seen.kind, seen.id] = _update(
            db, installation_id, known.get((seen.kind, seen.id)), seen
        )


def _update(db: Transaction, installation_id: str, row: Any | None, seen: StaffSeen) -> Any:
    """Write what is new about somebody; return what is known now."""
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
        return _Known(**{**dict.fromkeys((*_DETAILS, "removed")), **stated})
    if any(getattr(row, name) != value for name, value in stated.items()):
        db.execute(
            update(Staff)
            .where(
                Staff.installation_id == installation_id,
                Staff.kind == seen.kind,
                Staff.external_id == seen.id,
            )
            .values(stated)
        )
    return row._replace(**stated)
