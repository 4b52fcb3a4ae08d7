"""Customers: which contact an installation's id means, and what is known of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.orm import Session

from gateway.events import ContactSeen
from gateway.store import new_id
from gateway.store.models import Contact, ContactIdentity, Conversation
from gateway.store.sql import Prepared, insert_into, locked, table_of

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


def see(db: Session, installation_id: str, seen: ContactSeen, now: int) -> str:
    """Record what a channel says of a contact and return our id for it.

    Details never get lost to silence: only a value that the channel states replaces another, and
    only if it is not older than what is known.
    """
    known = db.execute(
        _KNOWN.on(db), {"installation": installation_id, "external": seen.id}
    ).one_or_none()
    if known is None:
        contact_id = _introduce(db, installation_id, seen, now)
    else:
        contact_id = known.id
        _update(db, known, seen)
    for alias in seen.merged:
        _join(db, installation_id, alias, contact_id)
    return contact_id


def _introduce(db: Session, installation_id: str, seen: ContactSeen, now: int) -> str:
    contact_id = new_id("con")
    db.execute(
        insert_into(db, Contact).values(
            id=contact_id,
            **{detail: getattr(seen, detail) or None for detail in _DETAILS},
            verified=False,
            deleted=seen.deleted,
            as_of=seen.as_of,
            created_at=now,
        )
    )
    written = db.execute(
        insert_into(db, ContactIdentity)
        .values(installation_id=installation_id, external_id=seen.id, contact_id=contact_id)
        .on_conflict_do_nothing()
        .returning(ContactIdentity.contact_id)
    ).one_or_none()
    if written is None:  # another delivery introduced the same person a moment ago
        db.execute(delete(Contact).where(Contact.id == contact_id))
        known = db.execute(
            _KNOWN.on(db), {"installation": installation_id, "external": seen.id}
        ).one()
        contact_id = known.id
        _update(db, known, seen)
    return contact_id


def _update(db: Session, known: Row[*tuple[Any, ...]], seen: ContactSeen) -> None:
    stated: dict[str, Any] = {
        detail: value for detail in _DETAILS if (value := getattr(seen, detail))
    }
    if seen.as_of < known.as_of:
        stated = {detail: value for detail, value in stated.items() if not getattr(known, detail)}
    changes = {key: value for key, value in stated.items() if getattr(known, key) != value}
    if seen.deleted and not known.deleted:
        changes["deleted"] = True
    if changes:
        changes["as_of"] = max(seen.as_of, known.as_of)
        db.execute(update(Contact).where(Contact.id == known.id).values(changes))


def _join(db: Session, installation_id: str, alias: str, contact_id: str) -> None:
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
