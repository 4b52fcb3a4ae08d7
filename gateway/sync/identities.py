"""Sync: customers as installations know them, and what is due for each of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update

from gateway import contacts
from gateway.contacts.marks import read_marks
from gateway.contacts.owed import BEGUN, OPEN
from gateway.contacts.trees import decode_said
from gateway.events import ContactSeen
from gateway.store import Transaction
from gateway.store.models import Claim, ContactIdentity, ContactPush, Conversation, Installation

CLAIM = "contact"
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A customer as one installation knows them. `look_due`: see the model."""

    installation_id: str
    channel: str
    external_id: str
    contact_id: str
    look_due: int | None
    moved_to: str | None

    @property
    def key(self) -> str:
        """Under which they are claimed."""
        return f"{self.installation_id}/{self.external_id}"


def due(
    db: Transaction, channels: Collection[str], until: int, database_now: int, limit: int
) -> list[str]:
    """Keys of identities that are owed an edit or a look, and that nobody works on."""
    held = select(Claim.key).where(Claim.kind == CLAIM, Claim.until > database_now)
    key = ContactPush.installation_id + "/" + ContactPush.external_id
    pushes = db.scalars(
        select(key)
        .where(
            ContactPush.state.in_(OPEN), ContactPush.due_at <= until, key.not_in(held), ~_waits()
        )
        .order_by(ContactPush.due_at)
        .limit(limit)
    )
    found = list(dict.fromkeys(pushes))
    key = ContactIdentity.installation_id + "/" + ContactIdentity.external_id
    looks = db.scalars(
        select(key)
        .join(Installation, Installation.id == ContactIdentity.installation_id)
        .where(
            ContactIdentity.look_due <= until, key.not_in(held),
            Installation.channel.in_(sorted(channels)),
        )
        .order_by(ContactIdentity.look_due)
        .limit(limit)
    )  # fmt: skip
    return list(dict.fromkeys([*found, *looks]))[:limit]


def find(db: Transaction, key: str) -> Who | None:
    """Whose key it is; None if they are not there any more."""
    installation_id, _, external_id = key.partition("/")
    row = db.execute(
        select(
            ContactIdentity.contact_id, ContactIdentity.look_due, ContactIdentity.marks,
            Installation.channel,
        )
        .join(Installation, Installation.id == ContactIdentity.installation_id)
        .where(_is(installation_id, external_id))
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    return Who(
        installation_id=installation_id, channel=row.channel, external_id=external_id,
        contact_id=row.contact_id, look_due=row.look_due, moved_to=read_marks(row.marks).moved_to,
    )  # fmt: skip


def first(db: Transaction, who: Who, now: int) -> Any:
    """What is due of what is owed to them; what is on its way comes first."""
    return db.execute(
        select(ContactPush.id, ContactPush.state)
        .where(
            ContactPush.installation_id == who.installation_id,
            ContactPush.external_id == who.external_id,
            ContactPush.state.in_(OPEN), ContactPush.due_at <= now, ~_waits(),
        )
        .order_by(ContactPush.id)
        .limit(1)
    ).one_or_none()  # fmt: skip


def see(db: Transaction, who: Who, seen: ContactSeen, now: int) -> None:
    """Record what a read, or the answer to our own write, says of them.

    A channel's answers tell the time by the second, its notifications more finely: of the same
    second an answer is the newer one, since it was asked for after what we know had come.
    """
    said = db.scalar(select(ContactIdentity.said).where(_is(who.installation_id, who.external_id)))
    if said is None:
        return  # erased since: an answer that was on its way brings nobody back
    newest = max((word.at for word in decode_said(said).values()), default=0)
    if newest // _SECOND_US == seen.as_of // _SECOND_US:
        seen = replace(seen, as_of=max(seen.as_of, newest))
    contacts.see(db, who.installation_id, [seen], now)


def looked(db: Transaction, who: Who, now: int, due_at: int | None) -> None:
    """Set when the next look is due, unless another one was asked for meanwhile."""
    db.execute(
        update(ContactIdentity)
        .where(_is(who.installation_id, who.external_id), ContactIdentity.look_due <= now)
        .values(look_due=due_at)
    )


def newest_conversation(db: Transaction, who: Who) -> str | None:
    """The channel's id of the newest conversation that began as theirs."""
    return db.scalar(
        select(Conversation.external_id)
        .where(
            Conversation.installation_id == who.installation_id,
            Conversation.contact_id == who.contact_id,
        )
        .order_by(Conversation.created_at.desc(), Conversation.id.desc())
        .limit(1)
    )


def who_had(db: Transaction, who: Who, conversations: Sequence[str]) -> list[str]:
    """Other ids of the installation whose conversations these are in our record."""
    if not conversations:
        return []
    rows = db.execute(
        select(ContactIdentity.external_id, ContactIdentity.marks)
        .join(Conversation, Conversation.contact_id == ContactIdentity.contact_id)
        .where(
            ContactIdentity.installation_id == who.installation_id,
            Conversation.installation_id == who.installation_id,
            Conversation.external_id.in_(conversations),
            ContactIdentity.external_id != who.external_id,
            ContactIdentity.deleted.is_(False),
        )
        .distinct()
        .order_by(ContactIdentity.external_id)
    )
    return [row.external_id for row in rows if read_marks(row.marks).moved_to is None]


def _is(installation_id: str, external_id: str) -> Any:
    return (ContactIdentity.installation_id == installation_id) & (
        ContactIdentity.external_id == external_id
    )


def _waits() -> Any:
    """A push that is owed waits while another one to the same identity is on its way."""
    other = ContactPush.__table__.alias("other")
    return (ContactPush.state == "owed") & (
        select(other.c.id)
        .where(
            other.c.installation_id == ContactPush.installation_id,
            other.c.external_id == ContactPush.external_id,
            other.c.state.in_(BEGUN),
        )
        .exists()
    )
