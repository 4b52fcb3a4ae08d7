"""Whose history a customer may see: never another's by a claimed address."""

from __future__ import annotations

from collections import defaultdict

from gateway.contacts.details import KEYS, VERIFIED
from gateway.contacts.trees import load_one, standing_of
from gateway.store import Transaction


def visible_to(db: Transaction, contact_id: str) -> set[str]:
    """The contacts whose conversations may be shown to the customer who came as `contact_id`.

    `contact_id` is the one that the identity came with (`see`). It sees itself, and of what was
    joined with it those that have an e-mail address or external id, verified on both sides, in
    common. A join that a person or a channel made for other reasons shows customers nothing.
    Raises NotFound.
    """
    standing = standing_of(db, [contact_id])[contact_id]
    tree = load_one(db, standing)
    verified: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for said in tree.statements:
        if said.detail in KEYS and said.level == VERIFIED and said.value is not None:
            verified[said.contact_id].add((said.detail, said.value))
    mine = verified[contact_id]
    return {contact_id} | {one for one, keys in verified.items() if keys & mine}
