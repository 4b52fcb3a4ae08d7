"""What channels say of customers: which contact an installation's id means, and what is new."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from gateway.contacts.details import (
    ANONYMOUS,
    DETAILS,
    KEYS,
    LEVELS,
    VERIFIED,
    Said,
    Source,
    Statement,
    checked,
    columns_of,
    difference,
    normal,
    same,
)
from gateway.contacts.erased import find_erased, known_again
from gateway.contacts.joins import join, join_verified, parted
from gateway.contacts.journal import note
from gateway.contacts.marks import difference as marks_changed
from gateway.contacts.marks import heard, read_marks, write_marks
from gateway.contacts.sending import settle_by_word
from gateway.contacts.trees import decode_said, encode_said, hold, load_one, write
from gateway.errors import Unreadable
from gateway.events import ContactSeen
from gateway.store import Transaction, new_id
from gateway.store.models import Contact, ContactIdentity
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

_CONTACTS, _IDENTITIES = table_of(Contact), table_of(ContactIdentity)
_KNOWN = Prepared(
    lambda _: select(
        _IDENTITIES.c.contact_id,
        _IDENTITIES.c.said,
        _IDENTITIES.c.deleted,
        _IDENTITIES.c.marks,
        _IDENTITIES.c.forgotten_at,
    ).where(
        _IDENTITIES.c.installation_id == bindparam("installation"),
        _IDENTITIES.c.external_id == bindparam("external"),
    )
)
_INTRODUCE = Prepared(lambda sql: sql.insert(_CONTACTS))
_IDENTIFY = Prepared(
    lambda sql: sql.insert(_IDENTITIES).on_conflict_do_nothing().returning(_IDENTITIES.c.contact_id)
)
_FORGET = Prepared(lambda _: _CONTACTS.delete().where(_CONTACTS.c.id == bindparam("contact")))

Known = namedtuple("Known", ("id", "said", "deleted", "marks", "forgotten_at"))
"""The contact that an id means, what the channel said of it, by detail, and its marks as kept.

Words from before `forgotten_at` are not kept: somebody with this id was erased then.
"""


def look_up(
    db: Transaction, installation_id: str, several: Sequence[ContactSeen]
) -> Callable[[], dict[str, Any]]:
    """Ask for what is known of contacts, by the channel's ids."""
    return _look_up(db, installation_id, {seen.id for seen in several})


def see(
    db: Transaction,
    installation_id: str,
    several: Sequence[ContactSeen],
    now: int,
    known: dict[str, Any] | None = None,
    spoke: Mapping[str, int] | None = None,
    forgotten: dict[str, int] | None = None,
) -> list[str]:
    """Record what a channel says of contacts and return our id for each.

    Details never get lost to silence: only a value that the channel states replaces another, and
    only if it is neither older nor less sure than what it said before. `known` is what was looked
    up before. The id is that of the contact which this identity came with; another one may stand
    for it (`trees.standing_of`).

    Of somebody who was erased nothing is heard until they write anew: `spoke` says when (µs) those
    did who have written. Up to when words of whom are not to be kept goes to `forgotten`, by our
    ids.
    """
    if known is None:
        known = look_up(db, installation_id, several)()
    aliases = {alias for seen in several for alias in seen.merged} - set(known)
    if aliases:
        known |= _look_up(db, installation_id, aliases)()
    strangers = {alias: ContactSeen(id=alias) for alias in aliases if alias not in known}
    strangers |= {seen.id: seen for seen in reversed(several) if seen.id not in known}
    erased: dict[str, Any] = {}
    if strangers:
        gone = find_erased(db, installation_id, strangers)
        again = {
            name: one.erased_at
            for name, one in gone.items()
            if (spoke or {}).get(name, 0) >= one.erased_at
        }
        for name in again:
            known_again(db, installation_id, name)
        erased = {
            name: Known(one.contact_id, {}, False, None, one.erased_at)
            for name, one in gone.items()
            if name not in again
        }
        known |= erased
        fresh = {name: one for name, one in strangers.items() if name not in erased}
        if fresh:
            known |= _introduce(db, installation_id, fresh, now, again)
    if forgotten is not None:
        for one in known.values():
            if one.forgotten_at is not None:
                forgotten[one.id] = one.forgotten_at
    for seen in several:
        if seen.id in erased:
            continue
        if _is_news(known[seen.id], seen):
            known[seen.id] = _hear(db, installation_id, known[seen.id], seen, now)
        for alias in seen.merged:
            if alias not in erased:
                _move(db, installation_id, alias, known[alias].marks, seen.id)
                _join(db, installation_id, known[alias].id, known[seen.id].id, seen.id, now)
    return [known[seen.id].id for seen in several]


def news(
    db: Transaction, installation_id: str, several: Sequence[ContactSeen]
) -> list[ContactSeen]:
    """Those that say something of a contact that is not known yet; tags and the like aside."""
    known = look_up(db, installation_id, several)()
    strangers = {one.id for one in several if one.id not in known}
    erased = find_erased(db, installation_id, strangers) if strangers else {}
    return [
        one
        for one in several
        if one.id not in erased and (one.id not in known or _is_told(known[one.id], one))
    ]


def _look_up(
    db: Transaction, installation_id: str, names: Collection[str]
) -> Callable[[], dict[str, Any]]:
    asked = sorted(names)
    found = _KNOWN.ask(db, [{"installation": installation_id, "external": name} for name in asked])
    return lambda: {
        name: Known(row.contact_id, decode_said(row.said), row.deleted, row.marks, row.forgotten_at)
        for name, rows in zip(asked, found(), strict=True)
        for row in rows
    }


def _introduce(
    db: Transaction,
    installation_id: str,
    strangers: Mapping[str, ContactSeen],
    now: int,
    again: Mapping[str, int],
) -> dict[str, Any]:
    """Record new contacts, each with the identity it comes with; return what is known of them.

    `again` are those who were erased, and when: nothing from before is kept of them.
    """
    # In one order everywhere, so that two transactions that meet the same people never wait for
    # each other in a circle.
    names = sorted(strangers)
    new = {
        name: Known(
            new_id("con"), _said(seen, {}), seen.deleted, _marked(seen, None), again.get(name)
        )
        for name, seen in ((name, strangers[name]) for name in names)
    }
    words = {name: _statements(installation_id, name, new[name]) for name in names}
    with db.in_one_trip():
        _INTRODUCE.ask(
            db,
            [
                {
                    "id": new[name].id, **columns_of(words[name]),
                    "created_at": now, "updated_at": now,
                }
                for name in names
            ],
        )  # fmt: skip
        written = _IDENTIFY.ask(
            db,
            [
                {
                    "installation_id": installation_id, "external_id": name,
                    "contact_id": row.id, "said": encode_said(row.said), "deleted": row.deleted,
                    "marks": row.marks, "look_due": now if strangers[name].absorbed else None,
                    "forgotten_at": row.forgotten_at,
                }
                for name, row in new.items()
            ],
        )  # fmt: skip
    # Another delivery introduced the same person a moment ago.
    met = [name for name, identity in zip(names, written(), strict=True) if not identity]
    if met:
        _FORGET.each(db, [{"contact": new.pop(name).id} for name in met])
    for name, row in new.items():
        if row.said:
            source = _source(installation_id, name)
            # Nobody is told of a new contact: it was not changed, and its sessions tell of it.
            changes = difference({}, words[name])
            note(db, row.id, row.id, "said", source, changes, now, tell_of=False)
        if _is_verified(row.said):
            join_verified(db, row.id, now)
    return {**new, **_look_up(db, installation_id, met)()} if met else new


def _is_news(known: Any, seen: ContactSeen) -> bool:
    return seen.absorbed or _is_told(known, seen) or _marked(seen, known.marks) != known.marks


def _is_told(known: Any, seen: ContactSeen) -> bool:
    return (seen.deleted and not known.deleted) or bool(_said(seen, known.said))


def _said(seen: ContactSeen, held: Mapping[str, Said]) -> dict[str, Said]:
    """What a report says otherwise than the channel did before."""
    said: dict[str, Said] = {}
    for detail, value in _told(seen):
        level = VERIFIED if detail in seen.verified else LEVELS.index(seen.level)
        before = held.get(detail)
        if before is None or (
            (level, seen.as_of) >= (before.level, before.at)
            and not (level == before.level and same(detail, value, before.value))
            and (not before.is_none or seen.as_of >= before.at)
        ):
            said[detail] = Said(value, level, seen.as_of)
    for detail in seen.cleared:
        before = held.get(detail)
        if before is not None and not before.is_none and seen.as_of >= before.at:
            said[detail] = Said("", ANONYMOUS, seen.as_of)
    return said


def _told(seen: ContactSeen) -> Iterator[tuple[str, str | int | float | bool]]:
    """What a report tells, in the form in which it is kept."""
    for detail in DETAILS:
        value = normal(detail, getattr(seen, detail))
        if value is not None:
            yield detail, value
    for detail, given in seen.custom.items():
        try:
            own = checked(detail, given)
        except Unreadable:  # longer than a field of ours may be: it stays where it is
            continue
        if own is not None:
            yield detail, own


def _marked(seen: ContactSeen, kept: str | None) -> str | None:
    """The marks of an identity after a report, as they are kept."""
    if seen.marks is None:
        return kept
    held = read_marks(kept)
    marks = heard(held, seen.marks, seen.as_of)
    return kept if marks == held else write_marks(marks)


def _hear(db: Transaction, installation_id: str, known: Any, seen: ContactSeen, now: int) -> Any:
    """Write what is new about a contact; return what is known of it now."""
    standing = hold(db, [known.id])[known.id]
    under_lock = _look_up(db, installation_id, [seen.id])()
    if seen.id not in under_lock:  # erased a moment ago
        return Known(known.id, {}, known.deleted, None, None)
    known = under_lock[seen.id]
    said = _said(seen, known.said)
    fresh = Known(
        known.id, {**known.said, **said}, known.deleted or seen.deleted,
        _marked(seen, known.marks), known.forgotten_at,
    )  # fmt: skip
    if seen.absorbed:
        _write(db, installation_id, seen.id, look_due=now)
    if fresh == known:
        return known
    tree = load_one(db, standing)
    before = tree.shown()
    _write(
        db, installation_id, seen.id,
        said=encode_said(fresh.said), deleted=fresh.deleted, marks=fresh.marks,
    )  # fmt: skip
    source = _source(installation_id, seen.id)
    tree.statements = [one for one in tree.statements if one.source != source]
    tree.statements += _statements(installation_id, seen.id, fresh).values()
    also = marks_changed(read_marks(known.marks), read_marks(fresh.marks))
    write(db, tree, before, "said", source, now, contact_id=known.id, also=also)
    if said:
        settle_by_word(db, installation_id, seen.id, fresh.said, tree, now)
    if _is_verified(said):
        join_verified(db, known.id, now)
    return fresh


def _move(db: Transaction, installation_id: str, alias: str, kept: str | None, into: str) -> None:
    """The channel knows the customer by another id now: what is sent goes there."""
    marks = read_marks(kept)
    if marks.moved_to != into and alias != into:
        moved = msgspec.structs.replace(marks, moved_to=into)
        _write(db, installation_id, alias, marks=write_marks(moved))


def _write(db: Transaction, installation_id: str, name: str, **values: Any) -> None:
    db.execute(
        update(ContactIdentity)
        .where(
            ContactIdentity.installation_id == installation_id, ContactIdentity.external_id == name
        )
        .values(values)
    )


def _join(
    db: Transaction, installation_id: str, alias: str, contact_id: str, name: str, now: int
) -> None:
    """The channel says that `alias` is this contact too; what a person took apart stays apart."""
    if alias == contact_id:
        return
    standing = hold(db, [alias, contact_id])
    gone, stays = standing[alias], standing[contact_id]
    if gone != stays and not parted(db, stays, [gone], "joined"):
        source = _source(installation_id, name)
        join(db, gone, stays, because="channel", source=source, now=now)


def _statements(installation_id: str, name: str, known: Any) -> dict[str, Statement]:
    source = _source(installation_id, name)
    return {
        detail: Statement(
            detail=detail, value=said.value, level=said.level, rank=said.level, at=said.at,
            source=source, contact_id=known.id,
        )
        for detail, said in known.said.items()
        if not said.is_none
    }  # fmt: skip


def _source(installation_id: str, name: str) -> Source:
    return Source(kind="channel", id=name, installation=installation_id)


def _is_verified(said: Mapping[str, Said]) -> bool:
    return any(said[detail].level == VERIFIED for detail in KEYS if detail in said)
