"""Customers: which contact an installation's id means, and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
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


def see(
    db: Transaction, installation_id: str, several: Sequence[ContactSeen], now: int
) -> list[str]:
    """Record what a channel says of contacts and return our id for each.

    Details never get lost to silence: only a value that the channel states replaces another, and
    only if it is not older than what is known.
    """
    names = sorted({seen.id for seen in several})
    known = _known(db, installation_id, names)
    # In one order everywhere, so that two transactions that meet the same people never wait for
    # each other in a circle.
    strangers = {seen.id: seen for seen in reversed(several) if seen.id not in known}
    if strangers:
        _introduce(db, installation_id, [strangers[name] for name in sorted(strangers)], now)
        known |= _known(db, installation_id, sorted(strangers))
    for seen in several:
        known[seen.id] = _update(db, known[seen.id], seen)
        for alias in seen.merged:
            _join(db, installation_id, alias, known[seen.id].id)
        if seen.merged:
            known |= _known(db, installation_id, names)
    return [known[seen.id].id for seen in several]


def _known(db: Transaction, installation_id: str, names: Sequence[str]) -> dict[str, Any]:
    asked = [{"installation": installation_id, "external": name} for name in names]
    found = _KNOWN.each(db, asked)
    return {name: row for name, rows in zip(names, found, strict=True) for row in rows}


def _introduce(
    db: Transaction, installation_id: str, strangers: Sequence[ContactSeen], now: int
) -> None:
    rows = [
        {
            "id": new_id("con"),
            **{detail: getattr(seen, detail) or None for detail in _DETAILS},
            "verified": False,
            "deleted": seen.deleted,
            "as_of": seen.as_of,
            "created_at": now,
        }
        for seen in strangers
    ]
    _INTRODUCE.each(db, rows)
    identities = [
        {"installation_id": installation_id, "external_id": seen.id, "contact_id": row["id"]}
        for seen, row in zip(strangers, rows, strict=True)
    ]
    written = _IDENTIFY.each(db, identities)
    # Another delivery introduced the same person a moment ago.
    unneeded = [row["id"] for row, identity in zip(rows, written, strict=True) if not identity]
    if unneeded:
        db.execute(delete(Contact).where(Contact.id.in_(unneeded)))


def _update(db: Transaction, known: Any, seen: ContactSeen) -> Any:
    """Write what is new about a contact; return what is known of it now."""
    stated: dict[str, Any] = {
        detail: value for detail in _DETAILS if (value := getattr(seen, detail))
    }
    if seen.as_of < known.as_of:
        stated = {detail: value for detail, value in stated.items() if not getattr(known, detail)}
    changes = {key: value for key, value in stated.items() if getattr(known, key) != value}
    if seen.deleted and not known.deleted:
        changes["deleted"] = True
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
