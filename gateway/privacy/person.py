"""A person as the record knows them: every contact, id, conversation and visitor that they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from gateway.contacts.details import KEYS
from gateway.contacts.trees import Tree, load_one, standing_of
from gateway.store import Transaction
from gateway.store.models import ChatSession, Conversation, Visitor

_SHORTEST = 6
"""What is shorter could be anything, and is not looked for in the bodies of deliveries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The id under which an installation of a channel knows them."""

    installation_id: str
    channel: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom an export or erasure is about; `id` is the contact that stands for all of them.

    `words` are what bodies of deliveries are searched for: ids, addresses, numbers.
    """

    id: str
    members: Sequence[str]
    identities: Sequence[Identity]
    words: Sequence[str]

    @property
    def conversations(self) -> Select[Any]:
        """Their conversations' ids."""
        return select(Conversation.id).where(Conversation.contact_id.in_(self.members))

    @property
    def sessions(self) -> Select[Any]:
        """Their sessions' ids."""
        return select(ChatSession.id).where(ChatSession.conversation_id.in_(self.conversations))

    @property
    def visitors(self) -> Select[Any]:
        """The ids of visitors that they were, which are those of their conversations, too."""
        ids = sorted({one.id for one in self.identities})
        channels = sorted({one.channel for one in self.identities})
        return select(Visitor.id).where(Visitor.id.in_(ids), Visitor.channel.in_(channels))

    @property
    def names(self) -> Sequence[str]:
        """Every id that channels have for them."""
        return sorted({one.id for one in self.identities})


def find_person(db: Transaction, contact_id: str) -> Person:
    """The person whom a contact means, with all that was joined into it. Raises NotFound."""
    return person_of(load_one(db, standing_of(db, [contact_id])[contact_id]))


def person_of(tree: Tree) -> Person:
    """The same for a contact that was read already."""
    identities = [
        Identity(installation_id=one.installation_id, channel=one.channel, id=one.external_id)
        for one in tree.identities
    ]
    said = {
        str(one.value)
        for one in tree.statements
        if one.detail in (*KEYS, "phone") and one.value is not None
    }
    words = {word for word in said | {one.id for one in identities} if len(word) >= _SHORTEST}
    return Person(
        id=tree.id, members=sorted(tree.members), identities=identities, words=sorted(words)
    )


def to_json(person: Person) -> dict[str, Any]:
    """As it is remembered while an erasure goes on."""
    return {
        "id": person.id,
        "members": list(person.members),
        "identities": [[one.installation_id, one.channel, one.id] for one in person.identities],
        "words": list(person.words),
    }


def from_json(told: dict[str, Any]) -> Person:
    """Read that back."""
    identities = [
        Identity(installation_id=installation, channel=channel, id=id)
        for installation, channel, id in told["identities"]
    ]
    return Person(
        id=told["id"], members=told["members"], identities=identities, words=told["words"]
    )
