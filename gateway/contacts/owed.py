"""Rows of what channels are owed of a customer: found and held, changed, ended, told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import select, update

from gateway.contacts.details import (
    CLAIMED,
    CUSTOM,
    LEVELS,
    Json,
    Said,
    Source,
    Statement,
    same,
    winning,
)
from gateway.contacts.journal import Kind, note
from gateway.contacts.trees import Tree, hold, load_one
from gateway.feed import tell
from gateway.store import Transaction
from gateway.store.models import ContactIdentity, ContactPush, Installation
from gateway.store.sql import locked

PATIENCE_US = 86_400_000_000
"""For so long a channel that cannot be reached is tried again."""

OPEN = ("owed", "sending", "unknown")
BEGUN = ("sending", "unknown")


def find(db: Transaction, push_id: int) -> tuple[Any, Any]:
    """A push and its identity, the contact held; (None, None) if they are gone."""
    query = (
        select(
            ContactIdentity.installation_id, ContactIdentity.external_id,
            ContactIdentity.contact_id, ContactIdentity.said, ContactIdentity.deleted,
            ContactIdentity.marks, Installation.channel,
        )
        .join(Installation, Installation.id == ContactIdentity.installation_id)
        .join(
            ContactPush,
            (ContactPush.installation_id == ContactIdentity.installation_id)
            & (ContactPush.external_id == ContactIdentity.external_id),
        )
        .where(ContactPush.id == push_id)
    )  # fmt: skip
    identity = db.execute(query).one_or_none()
    if identity is None:
        return None, None
    hold(db, [identity.contact_id])
    row = db.execute(
        locked(db, select(ContactPush.__table__).where(ContactPush.id == push_id))
    ).one_or_none()
    identity = db.execute(query).one_or_none()  # as it is under the lock
    return (None, None) if row is None or identity is None else (row, identity)


def tree_of(db: Transaction, identity: Any) -> Tree:
    """The contact that stands for an identity, held, with everything in it."""
    return load_one(db, hold(db, [identity.contact_id])[identity.contact_id])


def of_identity(installation_id: str, external_id: str) -> Any:
    """The condition that a push is owed to this identity."""
    return (ContactPush.installation_id == installation_id) & (
        ContactPush.external_id == external_id
    )


def change(db: Transaction, push_id: int, **values: Any) -> None:
    """Write these columns of a push."""
    db.execute(update(ContactPush).where(ContactPush.id == push_id).values(values))


def end(db: Transaction, row: Any, state: str, why: str | None, now: int) -> None:
    """Its life is over."""
    change(db, row.id, state=state, why=why, ended_at=now)


def give_up(db: Transaction, row: Any, identity: Any, error: str, now: int) -> None:
    """It will not be sent: show it where the contact is shown."""
    tree = tree_of(db, identity)
    won = winning(tree.statements)
    changes = {
        name: {"before": None, "after": as_value(won[name].value)}
        for name in row.details
        if is_ours(won.get(name))
    }
    end(db, row, "failed", error, now)
    note(
        db, identity.contact_id, tree.id, "not_sent", source_of(row), changes, now,
        tell_of=True, why=error,
    )  # fmt: skip


def tell_of(db: Transaction, tree: Tree, kind: Kind | Literal["sending"], now: int) -> None:
    """Whoever looks at the contact sees what became of it, though nothing else changed."""
    tell(db, "contact.updated", at=now, contact_id=tree.id, data={"kind": kind, "changed": []})


def source_of(row: Any) -> Source:
    """The channel that is owed it, as lines of the history name it."""
    return Source(kind="channel", id=row.external_id, installation=row.installation_id)


def is_ours(word: Statement | None) -> bool:
    """True for what is sent: what people inside said, and an AI of fields of our own."""
    if word is None:
        return False
    ours = ("operator", "ai") if word.detail.startswith(CUSTOM) else ("operator",)
    return word.source.kind in ours


def value_of(said: Mapping[str, Said], name: str) -> Any:
    """What a channel says of a detail; None for nothing."""
    word = said.get(name)
    return None if word is None or word.is_none else word.value


def says(said: Mapping[str, Said], sent: Mapping[str, Json]) -> bool:
    """True if a channel says all that was sent to it."""
    return all(same(name, value_of(said, name), one["after"]) for name, one in sent.items())


def as_value(value: Any) -> Json | None:
    """A value as lines of the history have it."""
    return None if value is None else {"value": value, "level": LEVELS[CLAIMED]}


def quoted(value: Any) -> str:
    """A value within a sentence."""
    return "none" if value is None else f"“{value}”"


def out_of_patience(row: Any, now: int) -> bool:
    """True if it was tried for long enough."""
    return bool(now - (row.tried_at or now) > PATIENCE_US)


def owe_again(db: Transaction, row: Any, due_at: int, now: int, *, why: str | None = None) -> str:
    """Owe it anew; what was owed meanwhile goes on for both."""
    newer = db.execute(
        select(ContactPush.id, ContactPush.details).where(
            of_identity(row.installation_id, row.external_id), ContactPush.state == "owed"
        )
    ).one_or_none()
    if newer is None:
        change(db, row.id, state="owed", due_at=due_at, reads=0, why=why or row.why)
        return "owed"
    end(db, row, "cancelled", "a newer edit goes instead", now)
    change(
        db, newer.id, details={**row.details, **newer.details}, due_at=due_at,
        tries=row.tries, tried_at=row.tried_at,
    )  # fmt: skip
    return "cancelled"
