"""People who were erased: known by nothing but a hash, so nothing old makes them known again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, or_, select, update

from gateway.contacts.trees import Tree
from gateway.feed import tell
from gateway.store import Transaction
from gateway.store.models import (
    Contact,
    ContactChange,
    ContactDetail,
    ContactIdentity,
    ContactJoin,
    ContactParting,
    ErasedIdentity,
)
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, table_of

_ERASED = table_of(ErasedIdentity)
_FIND = Prepared(
    lambda _: select(_ERASED.c.contact_id, _ERASED.c.erased_at).where(
        _ERASED.c.installation_id == bindparam("installation"),
        _ERASED.c.digest == bindparam("digest"),
    )
)


class Erased(NamedTuple):
    """The contact that an erased person was, of whom nothing is kept, and when (µs)."""

    contact_id: str
    erased_at: int


def digest_of(installation_id: str, external_id: str) -> str:
    """What stands for an id once whoever had it was erased."""
    return hashlib.sha256(f"{installation_id}\n{external_id}".encode()).hexdigest()


def find_erased(
    db: Transaction, installation_id: str, names: Collection[str]
) -> Mapping[str, Erased]:
    """Which of these ids of strangers were those of people who were erased."""
    asked = sorted(names)
    rows = _FIND.each(
        db,
        [{"installation": installation_id, "digest": digest_of(installation_id, one)}
         for one in asked],
    )  # fmt: skip
    return {
        name: Erased(one.contact_id, one.erased_at)
        for name, found in zip(asked, rows, strict=True)
        for one in found
    }


def known_again(db: Transaction, installation_id: str, name: str) -> None:
    """Somebody who was erased wrote anew: they are a customer again, and a new one."""
    db.execute(
        delete(ErasedIdentity).where(
            ErasedIdentity.installation_id == installation_id,
            ErasedIdentity.digest == digest_of(installation_id, name),
        )
    )


def erase(db: Transaction, tree: Tree, at: int, now: int) -> dict[str, int]:
    """Forget who a contact is, with all that is joined into it; return how much that was.

    Its ids in channels become hashes, as of `at` (µs); whoever follows is told that it changed.
    """
    for one in tree.identities:
        values = {"contact_id": tree.id, "erased_at": at}
        db.execute(
            insert_into(db, ErasedIdentity)
            .values(
                installation_id=one.installation_id,
                digest=digest_of(one.installation_id, one.external_id),
                **values,
            )
            .on_conflict_do_update(
                index_elements=[ErasedIdentity.installation_id, ErasedIdentity.digest],
                set_=values,
            )
        )
    members = sorted(tree.members)
    mine = Contact.id.in_(members)
    joined = or_(ContactJoin.from_id.in_(members), ContactJoin.into_id.in_(members))
    counts = {
        "identities": _gone(db, delete(ContactIdentity).where(
            ContactIdentity.contact_id.in_(members)
        )),
        "details": _gone(db, delete(ContactDetail).where(ContactDetail.contact_id.in_(members))),
        "changes": _gone(db, delete(ContactChange).where(
            or_(
                ContactChange.contact_id.in_(members),
                ContactChange.join_id.in_(select(ContactJoin.id).where(joined)),
            )
        )),
    }  # fmt: skip
    db.execute(delete(ContactJoin).where(joined))
    db.execute(
        delete(ContactParting).where(
            or_(ContactParting.one_id.in_(members), ContactParting.other_id.in_(members))
        )
    )
    nothing: dict[str, Any] = dict.fromkeys(("name", "email", "phone", "phone_key", "external_id"))
    db.execute(
        update(Contact)
        .where(mine)
        .values(
            **nothing, verified=False, external_id_verified=False, level="anonymous",
            updated_at=now, erased_at=now,
        )
    )  # fmt: skip
    tell(db, "contact.updated", at=now, contact_id=tree.id, data={"kind": "erased", "changed": []})
    return counts


def _gone(db: Transaction, statement: Any) -> int:
    return int(getattr(db.execute(statement), "rowcount", 0))
