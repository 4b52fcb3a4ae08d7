"""Customers: which contact an installation's id means, and what is known of them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from gateway.events import ContactSeen
from gateway.store import Transaction, new_id
from gateway.store.models import Contact, ContactIdentity, Conversation
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, locked, table_of

_DETAILS = ("name", "email", "phone", "external_id")

_CONTACTS, _IDENTITIES = table_of(Contact), table_of(ContactIdentity)
_KNOWN = Prepared(
    lambda _: (
        select(
            _CONTACTS.c.id,
            *(_CONTACTS.c[detail] for detail in _DETAILS),
            _CONTACTS.c.deleted,
            _CONTACTS.c.as_of,
        )
        .join(_IDENTITIES, _IDENTITIES.c.contact_id == _CONTACTS.c.id)
        .where(
            _IDENTITIES.c.installation_id == bindparam("installation"),
            _IDENTITIES.c.external_id == bindparam("external"),
        )
    )
)
_INTRODUCE = Prepared(lambda sql: sql.insert(_CONTACTS))
_IDENTIFY = Prepared(
    lambda sql: sql.insert(_IDENTITIES).on_conflict_do_nothing().returning(_IDENTITIES.c.contact_id)
)


Known = namedtuple("Known", ("id", "name", "email", "phone", "external_id", "deleted", "as_of"))
"""What is known of a contact."""


def look_up(
    db: Transaction, installation_id: str, several: Sequence[ContactSeen]
) -> Callable[[], dict[str, Any]]:
    """Ask for what is known of contacts, by the channel's ids."""
    return _look_up(db, installation_id, {seen.id for seen in several})


def see(
    db: Transaction,
    installation_id: str,
    several: Sequence[ContactSeen],
    now: int,
    known: dict[str, Any] | None = None,
) -> list[str]:
    """Record what a channel says of contacts and return our id for each.

    Details never get lost to silence: only a value that the channel states replaces another, and
    only if it is not older than what is known. `known` is what was looked up before.
    """
    if known is None:
        known = look_up(db, installation_id, several)()
    strangers = {seen.id: seen for seen in reversed(several) if seen.id not in known}
    if strangers:
        known |= _introduce(db, installation_id, strangers, now)
    for seen in several:
        known[seen.id] = _update(db, known[seen.id], seen)
        for alias in seen.merged:
            _join(db, installation_id, alias, known[seen.id].id)
        if seen.merged:
            known |= _look_up(db, installation_id, set(known))()
    return [known[seen.id].id for seen in several]


def news(db: Transaction, installation_id: str, several: Sequence[ContactSeen]) -> int:
    """How many of these say something of a contact that is not known yet."""
    known = look_up(db, installation_id, several)()
    return sum(seen.id not in known or bool(_changes(known[seen.id], seen)) for seen in several)


def _look_up(
    db: Transaction, installation_id: str, names: Collection[str]
) -> Callable[[], dict[str, Any]]:
    asked = sorted(names)
    found = _KNOWN.ask(db, [{"installation": installation_id, "external": name} for name in asked])
    return lambda: {name: row for name, rows in zip(asked, found(), strict=True) for row in rows}


def _introduce(
    db: Transaction, installation_id: str, strangers: Mapping[str, ContactSeen], now: int
) -> dict[str, Any]:
    """Record new contacts; return what is known of them."""
    # In one order everywhere, so that two transactions that meet the same people never wait for
    # each other in a circle.
    names = sorted(strangers)
    new = {name: _stranger(strangers[name]) for name in names}
    with db.in_one_trip():
        _INTRODUCE.ask(
            db,
            [{**row._asdict(), "verified": False, "created_at": now} for row in new.values()],
        )
        written = _IDENTIFY.ask(
            db,
            [
                {"installation_id": installation_id, "external_id": name, "contact_id": row.id}
                for name, row in new.items()
            ],
        )
    # Another delivery introduced the same person a moment ago.
    met = [name for name, identity in zip(names, written(), strict=True) if not identity]
    if met:
        db.execute(delete(Contact).where(Contact.id.in_([new[name].id for name in met])))
        new |= _look_up(db, installation_id, met)()
    return new


def _stranger(seen: ContactSeen) -> Any:
    details = {detail: getattr(seen, detail) or None for detail in _DETAILS}
    # An id without details speaks for no moment, or an older report of them would come too late.
    as_of = seen.as_of if seen.deleted or any(details.values()) else 0
    return Known(id=new_id("con"), **details, deleted=seen.deleted, as_of=as_of)


def _changes(known: Any, seen: ContactSeen) -> dict[str, Any]:
    """What a report changes about a contact."""
    stated: dict[str, Any] = {
        detail: value for detail in _DETAILS if (value := getattr(seen, detail))
    }
    if seen.as_of < known.as_of:
        stated = {detail: value for detail, value in stated.items() if not getattr(known, detail)}
    changes = {key: value for key, value in stated.items() if getattr(known, key) != value}
    if seen.deleted and not known.deleted:
        changes["deleted"] = True
    return changes


def _update(db: Transaction, known: Any, seen: ContactSeen) -> Any:
    """Write what is new about a contact; return what is known of it now."""
    changes = _changes(known, seen)
    if not changes:
        return known
    changes["as_of"] = max(seen.as_of, known.as_of)
    db.execute(update(Contact).where(Contact.id == known.id).values(changes))
    return known._replace(**changes)


def _join(db: Transaction, installation_id: str, alias: str, contact_id: str) -> None:
    """From now on `alias` means this contact too; sessions follow."""
    former = db.scalar(
        locked(
            db,
            select(ContactIdentity.contact_id).where(
                ContactIdentity.installation_id == installation_id,
                ContactIdentity.external_id == alias,
            ),
        )
    )
    if former == contact_id:
        return
    if former is None:
        db.execute(
            insert_into(db, ContactIdentity)
            .values(installation_id=installation_id, external_id=alias, contact_id=contact_id)
            .on_conflict_do_nothing()
        )
        return
    db.execute(
        update(ContactIdentity)
        .where(ContactIdentity.contact_id == former)
        .values(contact_id=contact_id)
    )
    db.execute(
        update(Conversation).where(Conversation.contact_id == former).values(contact_id=contact_id)
    )
