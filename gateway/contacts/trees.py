"""A contact with all that was joined into it: who stands for whom, what is said, what is shown.

Whoever changes any of it holds the row of the one that stands; rows of those that were joined away
are nobody's to hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import or_, select, update

from gateway.contacts.details import (
    ANONYMOUS,
    Json,
    Said,
    Source,
    Statement,
    columns_of,
    difference,
    shown,
)
from gateway.contacts.journal import Kind, note
from gateway.errors import Again, NotFound
from gateway.store import Transaction
from gateway.store.models import Contact, ContactDetail, ContactIdentity, Installation
from gateway.store.sql import locked

_ATTEMPTS = 5

decode_said = msgspec.json.Decoder(dict[str, Said]).decode


def encode_said(said: Mapping[str, Said]) -> str:
    """What a channel said, as it is kept."""
    return msgspec.json.encode(said).decode()


@dataclass(slots=True, kw_only=True)
class Tree:
    """A contact that stands for itself, `members` joined into it, and every word on them."""

    id: str
    created_at: int
    updated_at: int
    members: list[str]
    identities: list[Any] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)

    def shown(self) -> dict[str, Statement]:
        """Which word on each detail is shown."""
        return shown(self.statements)


def hold(db: Transaction, contact_ids: Collection[str]) -> dict[str, str]:
    """Lock the contacts that stand for these; return which that is for each.

    Raises NotFound, and Again if they keep changing hands.
    """
    standing = standing_of(db, contact_ids)
    for _ in range(_ATTEMPTS):
        wanted = sorted(set(standing.values()))
        query = select(Contact.id).where(Contact.id.in_(wanted)).order_by(Contact.id)
        db.execute(locked(db, query)).all()
        now = standing_of(db, contact_ids)
        if now == standing:
            return standing
        standing = now
    raise Again("the contact is being joined and split just now; try again")


def standing_of(db: Transaction, contact_ids: Collection[str]) -> dict[str, str]:
    """Which contact stands for each of these; raises NotFound."""
    rows = db.execute(
        select(Contact.id, Contact.standing_id()).where(Contact.id.in_(sorted(set(contact_ids))))
    )
    found = {row[0]: row[1] for row in rows}
    if len(found) < len(set(contact_ids)):
        raise NotFound("there is no such contact")
    return found


def load(db: Transaction, standing: Iterable[str]) -> dict[str, Tree]:
    """Contacts that stand for themselves, with everything in them, by id."""
    wanted = sorted(set(standing))
    rows = db.execute(
        select(
            Contact.id, Contact.joined_into, Contact.created_at,
            Contact.updated_at,
        )
        .where(or_(Contact.id.in_(wanted), Contact.joined_into.in_(wanted)))
        .order_by(Contact.id)
    ).all()  # fmt: skip
    trees = {
        row.id: Tree(
            id=row.id, created_at=row.created_at,
            updated_at=row.updated_at, members=[],
        )
        for row in rows
        if row.joined_into is None
    }  # fmt: skip
    owner: dict[str, Tree] = {}
    for row in rows:
        owner[row.id] = trees[row.joined_into or row.id]
        owner[row.id].members.append(row.id)
    for identity in _identities(db, sorted(owner)):
        owner[identity.contact_id].identities.append(identity)
        owner[identity.contact_id].statements += said_by_channel(identity)
    for said in _given(db, sorted(owner)):
        owner[said.contact_id].statements.append(said)
    return trees


def load_one(db: Transaction, standing_id: str) -> Tree:
    """The same for one."""
    return load(db, [standing_id])[standing_id]


def write(
    db: Transaction,
    tree: Tree,
    before: Mapping[str, Statement],
    kind: Kind,
    source: Source,
    now: int,
    *,
    contact_id: str | None = None,
    join_id: str | None = None,
    also: Json | None = None,
    joined: str | None = None,
) -> bool:
    """Show what `tree` says now, and tell what that changed; True if it changed anything.

    `contact_id` is the contact that the change came to, where it is not the one that stands; `also`
    is what changed besides details, `joined` who does not stand for themselves any more.
    """
    after = tree.shown()
    changes = {**difference(before, after), **(also or {})}
    if not changes and join_id is None:
        return False
    tree.updated_at = now
    db.execute(
        update(Contact)
        .where(or_(Contact.id == tree.id, Contact.joined_into == tree.id))
        .values(columns_of(after))
    )
    db.execute(update(Contact).where(Contact.id == tree.id).values(updated_at=now))
    # Of an anonymous contact nobody is told.
    known = any(said.level > ANONYMOUS for said in (*before.values(), *after.values()))
    note(
        db, contact_id or tree.id, tree.id, kind, source, changes, now,
        tell_of=known, join_id=join_id, joined=joined,
    )  # fmt: skip
    return True


def said_by_channel(identity: Any) -> list[Statement]:
    """A channel's words on the contact that it knows under this id."""
    source = Source(
        kind="channel", id=identity.external_id, installation=identity.installation_id
    )  # fmt: skip
    return [
        Statement(
            detail=detail, value=said.value, level=said.level, rank=said.level, at=said.at,
            source=source, contact_id=identity.contact_id,
        )
        for detail, said in decode_said(identity.said).items()
        if not said.is_none
    ]  # fmt: skip


def _identities(db: Transaction, contact_ids: Sequence[str]) -> Sequence[Any]:
    return db.execute(
        select(
            ContactIdentity.installation_id, ContactIdentity.external_id,
            ContactIdentity.contact_id, ContactIdentity.said, ContactIdentity.deleted,
            ContactIdentity.marks, Installation.channel,
        )
        .join(Installation, Installation.id == ContactIdentity.installation_id)
        .where(ContactIdentity.contact_id.in_(contact_ids))
        .order_by(ContactIdentity.contact_id, ContactIdentity.external_id)
    ).all()  # fmt: skip


def _given(db: Transaction, contact_ids: Sequence[str]) -> list[Statement]:
    """What operators and agents said."""
    by_owner: dict[str, list[Statement]] = defaultdict(list)
    for row in db.execute(
        select(ContactDetail.__table__).where(ContactDetail.contact_id.in_(contact_ids))
    ):
        by_owner[row.contact_id].append(
            Statement(
                detail=row.detail, value=row.value, level=row.level, rank=row.rank, at=row.at,
                source=Source(**row.source), contact_id=row.contact_id,
            )
        )  # fmt: skip
    return [said for contact_id in sorted(by_owner) for said in by_owner[contact_id]]
