"""What people inside do to a contact: edit it, mark a detail as verified, join, split, dismiss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.contacts import pushing
from gateway.contacts.details import (
    CLAIMED,
    KEYS,
    VERIFIED,
    Source,
    Statement,
    checked,
    is_detail,
)
from gateway.contacts.joins import join, join_verified, part
from gateway.contacts.owed import tell_of
from gateway.contacts.pushing import NOBODY, Takers
from gateway.contacts.trees import Tree, hold, load_one, standing_of, write
from gateway.errors import Conflict, NotFound, Unreadable
from gateway.store import Transaction
from gateway.store.models import ContactDetail
from gateway.store.sql import insert_into

MOST_CUSTOM = 100
BY_OPERATOR = "operator"


def open_contact(db: Transaction, contact_id: str) -> Tree:
    """The contact that stands for this id, held until the transaction ends; raises NotFound."""
    return load_one(db, hold(db, [contact_id])[contact_id])


def edit(
    db: Transaction,
    tree: Tree,
    given: Mapping[str, Any],
    source: Source,
    now: int,
    takers: Takers = NOBODY,
) -> bool:
    """Set details as a person says; None or "" takes one away. Raises Unreadable.

    An edit is claimed until it is marked as verified. It holds against whatever it replaced: what
    was verified before gives way to it, and comes back only if it is said anew. Channels that take
    edits (`takers`) are owed it; True if any is.
    """
    before = tree.shown()
    changed = []
    for detail, value in given.items():
        value = checked(detail, value)
        held = before.get(detail)
        if value == (held.value if held else None):
            continue
        changed.append(detail)
        rank = max(CLAIMED, held.rank if held else CLAIMED)
        say(db, tree, BY_OPERATOR, Statement(
            detail=detail, value=value, level=CLAIMED, rank=rank, at=now, source=source,
            contact_id=tree.id,
        ))  # fmt: skip
    if sum(detail.startswith("custom.") for detail in tree.shown()) > MOST_CUSTOM:
        raise Unreadable(f"a contact has at most {MOST_CUSTOM} custom fields")
    write(db, tree, before, "edited", source, now)
    return pushing.owe(db, tree, changed, takers, now)


def verify(
    db: Transaction,
    tree: Tree,
    detail: str,
    source: Source,
    now: int,
    value: Any = None,
    takers: Takers = NOBODY,
) -> bool:
    """Mark the detail that is shown as verified: somebody has made sure of it.

    A verified e-mail address or external id joins the contact with those that have the same.
    Channels that take edits and say otherwise are owed it; True if any is. Raises Unreadable,
    NotFound if there is nothing to verify, Conflict if `value` is not what is shown.
    """
    if not is_detail(detail):
        raise Unreadable(f"{detail} is not a detail")
    before = tree.shown()
    held = before.get(detail)
    if held is None:
        raise NotFound(f"this contact has no {detail}")
    if value is not None and not _is(detail, value, held.value):
        raise Conflict(f"{detail} is another one by now; look at it again")
    if held.level == VERIFIED:
        return False
    say(db, tree, BY_OPERATOR, Statement(
        detail=detail, value=held.value, level=VERIFIED, rank=VERIFIED, at=now, source=source,
        contact_id=tree.id,
    ))  # fmt: skip
    write(db, tree, before, "verified", source, now)
    owed = pushing.owe(db, tree, [detail], takers, now)
    if detail in KEYS:
        join_verified(db, tree.id, now)
    return owed


def send_again(db: Transaction, tree: Tree, takers: Takers, now: int) -> bool:
    """Owe channels whatever people said of a contact and they do not say; True if any is owed."""
    owed = pushing.owe(db, tree, None, takers, now)
    if owed:
        tell_of(db, tree, "sending", now)
    return owed


def merge(db: Transaction, contact_id: str, other_id: str, source: Source, now: int) -> str:
    """Join another contact into this one, as a person says; return the join's id.

    Raises NotFound, and Conflict if they are one.
    """
    join_id = join(db, other_id, contact_id, because="operator", source=source, now=now)
    if join_id is None:
        raise Conflict("these are one contact already")
    return join_id


def dismiss(db: Transaction, contact_id: str, other_id: str, source: Source, now: int) -> None:
    """Do not suggest the two as one person again. Raises NotFound, Conflict if they are one."""
    standing = standing_of(db, [contact_id, other_id])
    one, other = standing[contact_id], standing[other_id]
    if one == other:
        raise Conflict("these are one contact already")
    part(db, one, other, "dismissed", source, now)


def say(db: Transaction, tree: Tree, said_by: str, said: Statement) -> None:
    """Keep a word of somebody other than a channel; it replaces their last one on this detail."""
    row = {
        "value": said.value,
        "level": said.level,
        "rank": said.rank,
        "at": said.at,
        "source": said.source.to_json(),
    }
    keys = {"contact_id": said.contact_id, "detail": said.detail, "said_by": said_by}
    db.execute(
        insert_into(db, ContactDetail)
        .values(**keys, **row)
        .on_conflict_do_update(
            index_elements=[ContactDetail.contact_id, ContactDetail.detail, ContactDetail.said_by],
            set_=row,
        )
    )
    tree.statements = [one for one in tree.statements if not _same_word(one, said, said_by)]
    tree.statements.append(said)


def _is(detail: str, value: Any, shown: Any) -> bool:
    try:
        return bool(checked(detail, value) == shown)
    except Unreadable:
        return False


def _same_word(one: Statement, said: Statement, said_by: str) -> bool:
    who = f"ai:{one.source.name}" if one.source.kind == "ai" else one.source.kind
    return (one.contact_id, one.detail, who) == (said.contact_id, said.detail, said_by)
