"""Two contacts that are one person: joined by themselves, by a channel, by a person; and undone.

A contact that is joined away keeps everything that came to it and whatever still comes; another
one stands for it. Undoing takes that away: then each side has what it had, and what came since to
the identities it consists of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from sqlalchemy import and_, func, or_, select, update

from gateway.contacts.details import Source
from gateway.contacts.journal import note
from gateway.contacts.trees import hold, load, write
from gateway.errors import Conflict, NotFound
from gateway.store import Transaction, new_id
from gateway.store.models import Contact, ContactJoin, ContactParting
from gateway.store.sql import insert_into

Because = Literal["email", "external_id", "channel", "operator"]

SYSTEM = Source(kind="system")

_PARTED: dict[str, tuple[str, ...]] = {
    "suggested": ("dismissed", "undone"),
    "joined": ("undone",),
}


def join(
    db: Transaction, from_id: str, into_id: str, *, because: Because, source: Source, now: int
) -> str | None:
    """Let the contact that stands for `into_id` stand for `from_id` too; return the join's id.

    None if they are one already. Raises NotFound.
    """
    standing = hold(db, [from_id, into_id])
    gone, stays = standing[from_id], standing[into_id]
    if gone == stays:
        return None
    trees = load(db, [gone, stays])
    tree, away = trees[stays], trees[gone]
    before = tree.shown()
    join_id = new_id("jon")
    db.execute(
        insert_into(db, ContactJoin).values(
            id=join_id, from_id=gone, into_id=stays, because=because, at=now,
            source=source.to_json(),
        )
    )  # fmt: skip
    db.execute(
        update(Contact)
        .where(or_(Contact.id == gone, Contact.joined_into == gone))
        .values(joined_into=stays)
    )
    tree.members += away.members
    tree.statements += away.statements
    write(db, tree, before, "joined", source, now, join_id=join_id, joined=gone)
    note(db, gone, stays, "joined", source, {}, now, tell_of=False, join_id=join_id)
    return join_id


def undo(db: Transaction, join_id: str, *, source: Source, now: int) -> tuple[str, str]:
    """Undo a join; return the contact that stays and the one that is on its own again.

    The two are not joined by themselves again. Raises NotFound, and Conflict if it was undone.
    """
    known = db.execute(
        select(ContactJoin.from_id, ContactJoin.into_id).where(ContactJoin.id == join_id)
    ).one_or_none()
    if known is None:
        raise NotFound("there is no such join")
    stays = hold(db, [known.from_id])[known.from_id]
    (tree,) = load(db, [stays]).values()
    edges = standing_joins(db, tree.members)
    if join_id not in {edge.id for edge in edges}:
        raise Conflict("this join was undone already")
    before = tree.shown()
    db.execute(
        update(ContactJoin)
        .where(ContactJoin.id == join_id)
        .values(undone_at=now, undone_by=source.to_json())
    )
    part(db, known.from_id, known.into_id, "undone", source, now)
    free = _below(known.from_id, [edge for edge in edges if edge.id != join_id])
    db.execute(update(Contact).where(Contact.id == known.from_id).values(joined_into=None))
    below = sorted(free - {known.from_id})
    db.execute(update(Contact).where(Contact.id.in_(below)).values(joined_into=known.from_id))
    trees = load(db, [stays, known.from_id])
    write(db, trees[stays], before, "split", source, now, join_id=join_id)
    write(db, trees[known.from_id], before, "split", source, now, join_id=join_id)
    return stays, known.from_id


def join_verified(db: Transaction, contact_id: str, now: int) -> None:
    """Join a contact with those that show the same verified e-mail address or external id.

    The eldest stands. Not joined are contacts whose verified external ids differ (one mailbox, two
    accounts), and those that a person took apart.
    """
    while True:
        mine = hold(db, [contact_id])[contact_id]
        row = db.execute(select(*_KEYS).where(Contact.id == mine)).one()
        same = _same_keys(row)
        if not same:
            return
        _alone(db, [f"{because}:{value}" for because, value, _ in same])
        kin = _next_kin(db, row, same)
        if kin is None:
            return
        because, other = kin
        elder, younger = sorted((row, other), key=lambda one: (one.created_at, one.id))
        join(db, younger.id, elder.id, because=because, source=SYSTEM, now=now)


def standing_joins(db: Transaction, members: Collection[str]) -> Sequence[Any]:
    """The joins that hold these contacts together, the oldest first."""
    return db.execute(
        select(ContactJoin.__table__)
        .where(ContactJoin.into_id.in_(sorted(members)), ContactJoin.undone_at.is_(None))
        .order_by(ContactJoin.at, ContactJoin.id)
    ).all()


# -- not one person --------------------------------------------------------------------------------


def part(
    db: Transaction,
    one: str,
    other: str,
    kind: Literal["dismissed", "undone"],
    source: Source,
    now: int,
) -> None:
    """Remember that two contacts are not one person."""
    first, second = sorted((one, other))
    values = {"kind": kind, "at": now, "source": source.to_json()}
    adding = insert_into(db, ContactParting).values(one_id=first, other_id=second, **values)
    if kind == "undone":
        keys = [ContactParting.one_id, ContactParting.other_id]
        adding = adding.on_conflict_do_update(index_elements=keys, set_=values)
    else:
        adding = adding.on_conflict_do_nothing()
    db.execute(adding)


def parted(
    db: Transaction, mine: str, others: Collection[str], what: Literal["suggested", "joined"]
) -> set[str]:
    """Which of these contacts a person keeps from being suggested to `mine`, or joined with it.

    All of them stand for themselves; a word on any two in them is a word on the two.
    """
    one, other = _standing("one"), _standing("other")
    rows = db.execute(
        select(one.c.standing, other.c.standing)
        .select_from(ContactParting)
        .join(one, one.c.id == ContactParting.one_id)
        .join(other, other.c.id == ContactParting.other_id)
        .where(
            ContactParting.kind.in_(_PARTED[what]),
            or_(
                and_(one.c.standing == mine, other.c.standing.in_(sorted(others))),
                and_(other.c.standing == mine, one.c.standing.in_(sorted(others))),
            ),
        )
    )
    return {row[0] if row[1] == mine else row[1] for row in rows}


def _standing(name: str) -> Any:
    return select(Contact.id, Contact.standing_id().label("standing")).subquery(name)


# -- what is behind it -----------------------------------------------------------------------------

_KEYS = (
    Contact.id, Contact.created_at, Contact.email, Contact.verified, Contact.external_id,
    Contact.external_id_verified,
)  # fmt: skip


def _same_keys(row: Any) -> list[tuple[Because, str, Any]]:
    """What another contact must show to be this one: which detail, its value, the condition."""
    same: list[tuple[Because, str, Any]] = []
    if row.external_id_verified:
        known = and_(Contact.external_id == row.external_id, Contact.external_id_verified)
        same.append(("external_id", row.external_id, known))
    if row.email is not None and row.verified:
        same.append(("email", row.email, and_(Contact.email == row.email, Contact.verified)))
    return same


def _next_kin(
    db: Transaction, row: Any, same: Sequence[tuple[Because, str, Any]]
) -> tuple[Because, Any] | None:
    for because, _, condition in same:
        found = db.execute(
            select(*_KEYS)
            .where(Contact.joined_into.is_(None), Contact.id != row.id, condition)
            .order_by(Contact.created_at, Contact.id)
        ).all()
        apart = parted(db, row.id, [other.id for other in found], "joined") if found else set()
        for other in found:
            if other.id not in apart and not _two_accounts(row, other):
                return because, other
    return None


def _two_accounts(one: Any, other: Any) -> bool:
    both = one.external_id_verified and other.external_id_verified
    return bool(both) and one.external_id != other.external_id


def _alone(db: Transaction, keys: Collection[str]) -> None:
    """Let nobody else look for contacts with these keys meanwhile: two that come at the same
    moment, neither yet there for the other, would stay two."""
    if db.kind != "sqlite":
        for key in sorted(keys):
            db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def _below(contact_id: str, edges: Sequence[Any]) -> set[str]:
    """A contact and all that these joins lead to it."""
    found, left = {contact_id}, [contact_id]
    while left:
        into = left.pop()
        for edge in edges:
            if edge.into_id == into and edge.from_id not in found:
                found.add(edge.from_id)
                left.append(edge.from_id)
    return found
