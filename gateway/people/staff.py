"""Who works in a channel, by the names the channel gives them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.events import StaffSeen
from gateway.store import Transaction
from gateway.store.models import Installation, Staff
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, table_of

_IN_DIRECTORY = ("operator", "team", "ai")
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


def look_up(
    db: Transaction, installation_id: str, several: Iterable[StaffSeen]
) -> Callable[[], dict[tuple[str, str], Any]]:
    """Ask for what is known of people, teams and bots, by kind and the channel's id."""
    names = sorted({(seen.kind, seen.id) for seen in several})
    found = _KNOWN.ask(
        db,
        [
            {"installation": installation_id, "kind": kind, "external": external_id}
            for kind, external_id in names
        ],
    )
    return lambda: {name: row for name, rows in zip(names, found(), strict=True) for row in rows}


def has_team(db: Transaction, channel: str, external_id: str) -> bool:
    """True if a channel has told of this team, and not that it is gone."""
    found = db.scalar(
        select(Staff.external_id)
        .join(Installation, Installation.id == Staff.installation_id)
        .where(
            Installation.channel == channel,
            Staff.kind == "team",
            Staff.external_id == external_id,
            Staff.removed.is_(False),
        )
        .limit(1)
    )
    return found is not None


def see(
    db: Transaction,
    installation_id: str,
    several: Iterable[StaffSeen],
    known: dict[tuple[str, str], Any] | None = None,
) -> None:
    """Record people, teams and bots; a missing detail leaves the known one.

    `known` is what was looked up before.
    """
    # The same teammate is behind most of what comes at once: each is written once.
    told = dict.fromkeys(several)
    if known is None:
        known = look_up(db, installation_id, told)()
    for seen in told:
        name = (seen.kind, seen.id)
        known[name] = _update(db, installation_id, known.get(name), seen)


def _update(db: Transaction, installation_id: str, row: Any | None, seen: StaffSeen) -> Any:
    """Write what is new about somebody; return what is known now."""
    stated = {name: value for name in _DETAILS if (value := getattr(seen, name)) is not None}
    if row is not None and not stated and not seen.removed:
        return row  # named as somebody's assignee, which says nothing of them
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


def keep_only(db: Transaction, installation_id: str, everybody: Iterable[StaffSeen]) -> None:
    """Take those whom a channel's directory does not list for removed."""
    listed = {(seen.kind, seen.id) for seen in everybody}
    if not listed:
        return  # a directory of nobody is none
    known = db.execute(
        select(Staff.kind, Staff.external_id).where(
            Staff.installation_id == installation_id,
            Staff.kind.in_(_IN_DIRECTORY),
            Staff.removed.is_(False),
        )
    )
    for kind, external_id in known.all():
        if (kind, external_id) not in listed:
            db.execute(
                update(Staff)
                .where(
                    Staff.installation_id == installation_id,
                    Staff.kind == kind,
                    Staff.external_id == external_id,
                )
                .values(removed=True)
            )


def unnamed_in(db: Transaction) -> set[str]:
    """Channels in which somebody is known by their id alone whom the directory may name."""
    unnamed = (
        select(Installation.channel)
        .distinct()
        .join(Staff, Installation.id == Staff.installation_id)
        .where(Staff.kind.in_(_IN_DIRECTORY), Staff.name.is_(None), Staff.removed.is_(False))
    )
    return set(db.scalars(unnamed))
