"""What people said of a customer is owed to the channels that know them: one row, one life.

    owed → sending → sent                  what is sent is what counts when it begins
           sending → unknown → sent | owed   read back first, never sent blindly again
    owed → cancelled                       the channel has a newer word, or people's is gone
    owed, sending → failed                 the channel refuses it, or was not reached for a day

Each identity owes once at a time: an edit made while another one waits goes with it, one made while
another is on its way waits for its end. So the newest edit is the last to arrive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from gateway.commands import UpdateContact
from gateway.contacts.details import CUSTOM, DETAILS, LEVELS, Json, Statement, same, winning
from gateway.contacts.journal import Kind, note
from gateway.contacts.marks import read_marks
from gateway.contacts.owed import (
    OPEN,
    change,
    end,
    find,
    give_up,
    is_ours,
    of_identity,
    out_of_patience,
    source_of,
    tell_of,
    tree_of,
    value_of,
)
from gateway.contacts.trees import Tree, decode_said
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.store.models import ContactPush

HELD_US = 50_000_000
"""How long `sending` is left alone: deadline of the call and the pause that is tolerated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What `begin` decided: a command to carry out now, or why there is none."""

    command: UpdateContact | None = None
    why: str | None = None


Takers = Mapping[str, Collection[str]]
"""Channels that take edits, and which fields of our own each of them keeps."""

NOBODY: Takers = MappingProxyType({})


def takers_of(terms: Iterable[Terms]) -> Takers:
    """Those of these channels that take edits."""
    return {
        one.channel.name: one.channel.custom_details
        for one in terms
        if "update_contact" in one.channel.pushes
    }


def owe(
    db: Transaction, tree: Tree, details: Collection[str] | None, takers: Takers, now: int
) -> bool:
    """Owe what people said of these details (None: of all) to `takers` that know the contact.

    The contact is held. A channel that says the same already is owed nothing; True if any is.
    """
    won = winning(tree.statements)
    wanted = {
        name: word
        for name, word in won.items()
        if is_ours(word) and (details is None or name in details)
    }
    owed = False
    for identity in tree.identities if wanted else ():
        if identity.channel not in takers or identity.deleted:
            continue
        if read_marks(identity.marks).moved_to is not None:
            continue
        said = decode_said(identity.said)
        rows = _open_rows(db, identity.installation_id, identity.external_id)
        # What is on its way may be another word than the one that counts now.
        moving = {name for row in rows for name in row.details}
        had = {
            name: theirs
            for name, word in wanted.items()
            if (name in DETAILS or name in takers[identity.channel])
            and (not same(name, word.value, theirs := value_of(said, name)) or name in moving)
        }
        if had:
            _owe(db, identity.installation_id, identity.external_id, had, rows, now)
            owed = True
    return owed


def _open_rows(db: Transaction, installation_id: str, external_id: str) -> Sequence[Any]:
    return db.execute(
        select(ContactPush.id, ContactPush.state, ContactPush.details).where(
            of_identity(installation_id, external_id), ContactPush.state.in_(OPEN)
        )
    ).all()


def _owe(
    db: Transaction,
    installation_id: str,
    external_id: str,
    had: Json,
    rows: Sequence[Any],
    now: int,
) -> None:
    """Owe these details; what waits already (`rows`) takes them along."""
    waits = next((row for row in rows if row.state == "owed"), None)
    if waits is not None:
        change(db, waits.id, details={**waits.details, **had}, due_at=now)
    else:
        db.add(
            ContactPush(
                installation_id=installation_id, external_id=external_id, details=had,
                owed_at=now, due_at=now,
            )
        )  # fmt: skip
        db.flush()


def begin(db: Transaction, push_id: int, token: str, now: int) -> Begun:
    """Begin a push if there is something to send, in the transaction that applied the look.

    The caller has made sure that `token` is still whose turn it is.
    """
    row, identity = find(db, push_id)
    if row is None or row.state != "owed":
        return Begun(why="somebody else took it")
    if out_of_patience(row, now):
        why = row.why or "the channel could not be reached"
        give_up(db, row, identity, why, now)
        return Begun(why=why)
    if identity.deleted:
        return _cancel(db, row, identity, f"it is no longer in {identity.channel}", now)
    tree = tree_of(db, identity)
    won, said = winning(tree.statements), decode_said(identity.said)
    sends: dict[str, Json] = {}
    newer: list[str] = []
    for name, had in row.details.items():
        theirs, word = value_of(said, name), won.get(name)
        if is_ours(word):
            assert word is not None
            if not same(name, word.value, theirs):
                met = None if same(name, theirs, had) else theirs
                sends[name] = {"before": theirs, "after": word.value, "met": met}
        elif not same(name, theirs, had):
            newer.append(name)
    if newer:
        _note_newer(db, row, identity, tree, newer, now)
    if not sends:
        return _nothing_to_send(db, row, identity, newer, won, now)
    if newer:
        _part(db, row, {name: row.details[name] for name in newer}, identity.channel, now)
    goes = _together(sends)
    change(
        db, row.id, state="sending", token=token, begun_at=now, tried_at=row.tried_at or now,
        tries=row.tries + 1, due_at=now + HELD_US, sent=goes, reads=0, why=None,
        details={name: row.details[name] for name in goes},
    )  # fmt: skip
    waits = {name: row.details[name] for name in sends if name not in goes}
    if waits:
        _owe(db, row.installation_id, row.external_id, waits, (), now)
    details = {name: one["after"] for name, one in goes.items()}
    return Begun(command=UpdateContact(contact=identity.external_id, details=details))


def _together(sends: Json) -> Json:
    """What goes in one call: a field of our own goes alone.

    A channel may not know it, or not take its value, and then refuses whatever comes with it.
    """
    common = {name: one for name, one in sends.items() if not name.startswith(CUSTOM)}
    return common or dict(list(sends.items())[:1])


def moved(db: Transaction, push_id: int, into: str, now: int) -> None:
    """The channel knows the customer under another id: what is owed is owed there.

    The caller has recorded that. Nothing goes to a customer whom a person says to be another one.
    """
    row, identity = find(db, push_id)
    if row is None or row.state not in OPEN:
        return
    tree = tree_of(db, identity)
    end(db, row, "cancelled", f"{identity.channel} has merged it into {into}", now)
    for one in tree.identities:
        if (one.installation_id, one.external_id) == (row.installation_id, into):
            said = decode_said(one.said)
            had = {name: value_of(said, name) for name in row.details}
            rows = _open_rows(db, row.installation_id, into)
            _owe(db, row.installation_id, into, had, rows, now)
    tell_of(db, tree, "not_sent", now)


def _nothing_to_send(
    db: Transaction,
    row: Any,
    identity: Any,
    newer: Collection[str],
    won: Mapping[str, Statement],
    now: int,
) -> Begun:
    kind: Kind = "not_sent"
    if newer:
        why = _newer_words(identity.channel, newer)
        end(db, row, "cancelled", why, now)
    elif all(is_ours(won.get(name)) for name in row.details):
        kind, why = "sent", f"{identity.channel} says so already"
        end(db, row, "sent", why, now)
    else:
        why = "what was to be sent does not count for this customer any more"
        end(db, row, "cancelled", why, now)
    tell_of(db, tree_of(db, identity), kind, now)
    return Begun(why=why)


def _part(db: Transaction, row: Any, newer: Json, channel: str, now: int) -> None:
    """What is not sent gets a row of its own: the rest goes on."""
    db.add(
        ContactPush(
            installation_id=row.installation_id, external_id=row.external_id, details=newer,
            owed_at=row.owed_at, due_at=now, state="cancelled", ended_at=now,
            why=_newer_words(channel, newer),
        )
    )  # fmt: skip
    db.flush()


def _note_newer(
    db: Transaction, row: Any, identity: Any, tree: Tree, newer: Collection[str], now: int
) -> None:
    shown = tree.shown()
    changes = {}
    for name in newer:
        word = shown.get(name)
        after = None if word is None else {"value": word.value, "level": LEVELS[word.level]}
        changes[name] = {"before": None, "after": after}
    note(
        db, identity.contact_id, tree.id, "not_sent", source_of(row), changes, now,
        tell_of=True, why=_newer_words(identity.channel, newer),
    )  # fmt: skip


def _newer_words(channel: str, newer: Collection[str]) -> str:
    return f"{channel} has a newer {' and '.join(sorted(newer))}, which stands"


def _cancel(db: Transaction, row: Any, identity: Any, why: str, now: int) -> Begun:
    end(db, row, "cancelled", why, now)
    tell_of(db, tree_of(db, identity), "not_sent", now)
    return Begun(why=why)
