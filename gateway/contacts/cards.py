"""Contacts as people see them: the list, one, its history, and who else may be the same person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, or_, select, tuple_

from gateway.clock import to_time
from gateway.contacts.details import (
    CUSTOM,
    DETAILS,
    LEVELS,
    Json,
    Source,
    Statement,
    columns_of,
    phone_key,
)
from gateway.contacts.joins import parted, standing_joins
from gateway.contacts.marks import read_marks
from gateway.contacts.marks import to_json as marks_to_json
from gateway.contacts.trees import Tree, decode_said, load, load_one, standing_of
from gateway.errors import Conflict
from gateway.store import Transaction
from gateway.store.models import Contact, ContactChange, ContactIdentity, Installation

Key = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Some items of a list; `last` is the key of the last one if there are more."""

    items: Sequence[Json]
    last: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two contacts, what would be shown if `other` were joined into `one`, and what they share."""

    one: Json
    other: Json
    together: Json
    because: Sequence[Json]


def find_contacts(db: Transaction, q: str | None, *, limit: int, after: Key | None = None) -> Found:
    """Contacts of whom something is known, the newest first.

    `q` is part of a detail, a phone number however it is written, or an id: the contact's, one's
    that was joined into it, or a channel's.
    """
    query = select(Contact.id, Contact.created_at).where(
        Contact.joined_into.is_(None), Contact.is_known()
    )
    if q is not None and q.strip():
        query = query.where(_says(q.strip()))
    if after is not None:
        query = query.where(tuple_(Contact.created_at, Contact.id) < tuple_(*after))
    order = (Contact.created_at.desc(), Contact.id.desc())
    rows = db.execute(query.order_by(*order).limit(limit + 1)).all()
    page = rows[:limit]
    cards = to_json(db, load(db, [row.id for row in page]))
    last = (page[-1].created_at, page[-1].id) if len(rows) > limit else None
    return Found(items=[cards[row.id] for row in page], last=last)


def find_contact(db: Transaction, contact_id: str) -> Json:
    """The contact that stands for this id; raise NotFound."""
    standing = standing_of(db, [contact_id])[contact_id]
    return to_json(db, {standing: load_one(db, standing)})[standing]


def to_json(db: Transaction, trees: Mapping[str, Tree]) -> dict[str, Json]:
    """Contacts as JSON, by id."""
    channels = channel_names(db)
    joins = standing_joins(db, [one for tree in trees.values() for one in tree.members])
    cards = {}
    for tree in trees.values():
        mine = [edge for edge in joins if edge.into_id in tree.members]
        cards[tree.id] = _card(tree, mine, channels)
    return cards


def find_pair(db: Transaction, contact_id: str, other_id: str) -> Pair:
    """Two contacts side by side; raise NotFound, and Conflict if they are one."""
    standing = standing_of(db, [contact_id, other_id])
    one, other = standing[contact_id], standing[other_id]
    if one == other:
        raise Conflict("these are one contact already")
    trees = load(db, [one, other])
    mine, theirs = trees[one], trees[other]
    both = replace(
        mine,
        members=mine.members + theirs.members,
        identities=[*mine.identities, *theirs.identities],
        statements=mine.statements + theirs.statements,
    )
    told = to_json(db, trees)
    return Pair(
        one=told[one],
        other=told[other],
        together=_card(both, [], channel_names(db)),
        because=_in_common(mine.shown(), theirs.shown()),
    )


def find_history(
    db: Transaction, contact_id: str, *, limit: int, after: Key | None = None
) -> Found:
    """What changed about a contact and all that is joined into it, the newest first.

    Raises NotFound.
    """
    standing = standing_of(db, [contact_id])[contact_id]
    members = select(Contact.id).where(or_(Contact.id == standing, Contact.joined_into == standing))
    query = select(ContactChange.__table__).where(ContactChange.contact_id.in_(members))
    if after is not None:
        query = query.where(tuple_(ContactChange.at, ContactChange.id) < tuple_(*after))
    order = (ContactChange.at.desc(), ContactChange.id.desc())
    rows = db.execute(query.order_by(*order).limit(limit + 1)).all()
    page = rows[:limit]
    channels = channel_names(db)
    items = [
        {
            "id": row.id,
            "contact_id": row.contact_id,
            "kind": row.outcome or row.kind,
            "at": to_time(row.at),
            "by": source_to_json(Source(**row.source), channels),
            "changes": row.changes,
            "join_id": row.join_id,
            "why": row.why,
        }
        for row in page
    ]
    last = (page[-1].at, page[-1].id) if len(rows) > limit else None
    return Found(items=items, last=last)


def find_suggestions(
    db: Transaction, contact_id: str, *, limit: int, after: Key | None = None
) -> Found:
    """Contacts that may be the same person: they show an address, number or id that this one shows.

    Not those that a person took apart or dismissed. Raises NotFound.
    """
    standing = standing_of(db, [contact_id])[contact_id]
    mine = db.execute(
        select(Contact.email, Contact.phone_key, Contact.external_id).where(Contact.id == standing)
    ).one()
    same = [
        column == value
        for column, value in zip(
            (Contact.email, Contact.phone_key, Contact.external_id), mine, strict=True
        )
        if value is not None
    ]
    if not same:
        return Found(items=[])
    query = select(Contact.id, Contact.created_at).where(
        Contact.joined_into.is_(None), Contact.id != standing, or_(*same)
    )
    if after is not None:
        query = query.where(tuple_(Contact.created_at, Contact.id) < tuple_(*after))
    order = (Contact.created_at.desc(), Contact.id.desc())
    rows = db.execute(query.order_by(*order).limit(limit + 1)).all()
    page = rows[:limit]
    apart = parted(db, standing, [row.id for row in page], "suggested")
    wanted = [row.id for row in page if row.id not in apart]
    trees = load(db, [standing, *wanted])
    cards = to_json(db, trees)
    me = trees[standing].shown()
    items = [
        {"contact": cards[other], "because": _in_common(me, trees[other].shown())}
        for other in wanted
    ]
    last = (page[-1].created_at, page[-1].id) if len(rows) > limit else None
    return Found(items=items, last=last)


def _says(words: str) -> ColumnElement[bool]:
    by_channel = select(ContactIdentity.contact_id).where(ContactIdentity.external_id == words)
    named = select(Contact.standing_id()).where(
        or_(Contact.id == words, Contact.id.in_(by_channel))
    )
    digits = phone_key(words)
    return or_(
        Contact.id.in_(named),
        *(getattr(Contact, detail).icontains(words, autoescape=True) for detail in DETAILS),
        *([Contact.phone_key == digits] if digits is not None else ()),
    )


def channel_names(db: Transaction) -> dict[str, str]:
    """The channel of each installation."""
    rows = db.execute(select(Installation.id, Installation.channel))
    return {row.id: row.channel for row in rows}


def source_to_json(source: Source, channels: Mapping[str, str]) -> Json:
    """Who said something, as people are told."""
    return {
        "kind": source.kind,
        "id": source.id,
        "name": source.name,
        "channel": channels.get(source.installation or ""),
        "session": source.session,
    }


def _card(tree: Tree, joins: Sequence[Any], channels: Mapping[str, str]) -> Json:
    found = tree.shown()
    details = {name: _detail(found.get(name), channels) for name in DETAILS}
    custom = {
        name.removeprefix(CUSTOM): _detail(said, channels)
        for name, said in found.items()
        if name.startswith(CUSTOM)
    }
    columns = columns_of(found)
    return {
        "id": tree.id,
        **{name: columns[name] for name in DETAILS},
        "verified": columns["verified"],
        "level": columns["level"],
        "details": details,
        "custom": custom,
        "identities": [_identity(identity) for identity in tree.identities],
        "joins": [
            {
                "id": edge.id,
                "contact_id": edge.from_id,
                "into": edge.into_id,
                "because": edge.because,
                "at": to_time(edge.at),
                "by": source_to_json(Source(**edge.source), channels),
            }
            for edge in joins
        ],
        "created_at": to_time(tree.created_at),
        "updated_at": to_time(tree.updated_at),
    }


def _detail(said: Statement | None, channels: Mapping[str, str]) -> Json | None:
    if said is None:
        return None
    return {
        "value": said.value,
        "level": LEVELS[said.level],
        "source": source_to_json(said.source, channels),
        "at": to_time(said.at) if said.at else None,
    }


def _identity(identity: Any) -> Json:
    """How a channel knows the customer, and what it says itself."""
    return {
        "channel": identity.channel,
        "id": identity.external_id,
        "contact_id": identity.contact_id,
        "said": {
            detail: {"value": said.value, "level": LEVELS[said.level]}
            for detail, said in decode_said(identity.said).items()
            if not said.is_none
        },
        "deleted": identity.deleted,
        **marks_to_json(read_marks(identity.marks)),
    }


def _in_common(one: Mapping[str, Statement], other: Mapping[str, Statement]) -> list[Json]:
    common = []
    for detail in ("email", "phone", "external_id"):
        mine, theirs = one.get(detail), other.get(detail)
        if mine is None or theirs is None:
            continue
        same = (
            phone_key(mine.value) == phone_key(theirs.value) is not None
            if detail == "phone"
            else mine.value == theirs.value
        )
        if same:
            level = LEVELS[min(mine.level, theirs.level)]
            common.append({"detail": detail, "value": theirs.value, "level": level})
    return common
