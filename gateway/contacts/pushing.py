"""What people said of a customer is owed to the channels that know them: one row, one life.

    owed → sending → sent                  what is sent is what counts when it begins
           sending → unknown → sent | owed   read back first, never sent blindly again
    owed → cancelled                       the channel has a newer word, or people's is gone
    owed, sending → failed                 the channel refuses it, or was not reached for a day

Each identity owes once: an edit made while another one waits goes with it, one made while another
is on its way waits for its end. So the newest edit is the last to arrive.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from gateway.commands import UpdateContact
from gateway.contacts.details import (
    CLAIMED,
    DETAILS,
    LEVELS,
    Json,
    Said,
    Source,
    Statement,
    same,
    winning,
)
from gateway.contacts.journal import note
from gateway.contacts.marks import read_marks
from gateway.contacts.trees import Tree, decode_said, hold, load_one
from gateway.feed import tell
from gateway.store import Transaction
from gateway.store.models import ContactIdentity, ContactPush, Installation
from gateway.store.sql import locked

PATIENCE_US = 86_400_000_000
"""For so long a channel that cannot be reached is tried again."""
HELD_US = 50_000_000
"""How long `sending` is left alone: deadline of the call and the pause that is tolerated."""
READ_BACK_US = (10_000_000, 30_000_000)
"""After an unknown outcome the channel is read at these times since the begin; then owed again."""
LONGEST_PAUSE_US = 600_000_000

OPEN = ("owed", "sending", "unknown")
BEGUN = ("sending", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What `begin` decided: a command to carry out now, or why there is none."""

    command: UpdateContact | None = None
    why: str | None = None


def owe(
    db: Transaction, tree: Tree, details: Collection[str], takers: Collection[str], now: int
) -> bool:
    """Owe what people said of these details to channels (`takers`) that know the contact.

    The contact is held. A channel that says the same already is owed nothing; True if any is.
    """
    won = winning(tree.statements)
    wanted = {name: won[name] for name in details if name in DETAILS and _is_ours(won.get(name))}
    owed = False
    for identity in tree.identities if wanted else ():
        if identity.channel not in takers or identity.deleted:
            continue
        if read_marks(identity.marks).moved_to is not None:
            continue
        said = decode_said(identity.said)
        had = {name: _value(said, name) for name in wanted}
        differs = any(not same(name, word.value, had[name]) for name, word in wanted.items())
        owed |= _owe(db, identity.installation_id, identity.external_id, had, differs, now)
    return owed


def _owe(
    db: Transaction, installation_id: str, external_id: str, had: Json, differs: bool, now: int
) -> bool:
    rows = db.execute(
        select(ContactPush.id, ContactPush.state, ContactPush.details).where(
            _of(installation_id, external_id), ContactPush.state.in_(OPEN)
        )
    ).all()
    if not differs and not rows:
        return False
    waits = next((row for row in rows if row.state == "owed"), None)
    if waits is not None:
        _set(db, waits.id, details={**waits.details, **had}, due_at=now)
    else:
        db.add(
            ContactPush(
                installation_id=installation_id, external_id=external_id, details=had,
                owed_at=now, due_at=now,
            )
        )  # fmt: skip
        db.flush()
    return True


def begin(db: Transaction, push_id: int, token: str, now: int) -> Begun:
    """Begin a push if there is something to send, in the transaction that applied the look.

    The caller has made sure that `token` is still whose turn it is.
    """
    row, identity = _find(db, push_id)
    if row is None or row.state != "owed":
        return Begun(why="somebody else took it")
    if _out_of_patience(row, now):
        return _fail(db, row, identity, row.why or "the channel could not be reached", now)
    if identity.deleted:
        return _cancel(db, row, identity, f"it is no longer in {identity.channel}", now)
    tree = _tree_of(db, identity)
    won, said = winning(tree.statements), decode_said(identity.said)
    sends: dict[str, Json] = {}
    newer: list[str] = []
    for name, had in row.details.items():
        theirs, word = _value(said, name), won.get(name)
        if _is_ours(word):
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
    _set(
        db, row.id, state="sending", token=token, begun_at=now, tried_at=row.tried_at or now,
        tries=row.tries + 1, due_at=now + HELD_US, sent=sends, reads=0, why=None,
    )  # fmt: skip
    details = {name: one["after"] for name, one in sends.items()}
    return Begun(command=UpdateContact(contact=identity.external_id, details=details))


def settle(db: Transaction, push_id: int, now: int) -> None:
    """The channel has taken it; the caller has recorded what the channel says now."""
    row, identity = _find(db, push_id)
    if row is None or row.state not in BEGUN:
        return
    tree = _tree_of(db, identity)
    said = decode_said(identity.said)
    kept = {
        name: theirs
        for name, one in row.sent.items()
        if not same(name, theirs := _value(said, name), one["after"])
    }
    if kept:
        told = ", ".join(f"{name} {_quoted(value)}" for name, value in kept.items())
        _fail(
            db, row, identity, f"{identity.channel} took the call and has {told} all the same", now
        )
    else:
        _settle(db, row, identity, tree, now)


def settle_by_word(
    db: Transaction,
    installation_id: str,
    external_id: str,
    said: Mapping[str, Said],
    tree: Tree,
    contact_id: str,
    now: int,
) -> None:
    """Settle what is on its way, if what the channel says now is what was sent: our own echo.

    It often comes before the call returns. The contact is held.
    """
    row = db.execute(
        locked(
            db,
            select(ContactPush.__table__).where(
                _of(installation_id, external_id), ContactPush.state.in_(BEGUN)
            ),
        )
    ).one_or_none()
    if row is not None and _says(said, row.sent):
        _, identity = _find(db, row.id)
        _settle(db, row, identity, tree, now)


def read_back(db: Transaction, push_id: int, now: int) -> str:
    """The channel was read after an unknown outcome, and that was recorded; return the state."""
    row, identity = _find(db, push_id)
    if row is None:
        return "gone"
    if row.state not in BEGUN:
        return str(row.state)
    if _says(decode_said(identity.said), row.sent):
        _settle(db, row, identity, _tree_of(db, identity), now)
        return "sent"
    if row.reads + 1 < len(READ_BACK_US):
        due_at = max(now + 1_000_000, row.begun_at + READ_BACK_US[row.reads + 1])
        _set(db, row.id, state="unknown", reads=row.reads + 1, due_at=due_at)
        return "unknown"
    return _owe_again(db, row, now, now)


def unsure(db: Transaction, push_id: int, token: str, error: str) -> None:
    """The request went out and its outcome is unknown: read back before anything else."""
    db.execute(
        update(ContactPush)
        .where(
            ContactPush.id == push_id, ContactPush.state == "sending", ContactPush.token == token
        )
        .values(state="unknown", due_at=ContactPush.begun_at + READ_BACK_US[0], why=error)
    )


def later(
    db: Transaction,
    push_id: int,
    error: str,
    now: int,
    *,
    token: str | None = None,
    after_us: int = 0,
) -> None:
    """Nothing was done: try again later, more and more rarely. With the `token` of its begin, also
    what the channel refused to take just now."""
    row, identity = _find(db, push_id)
    if row is None or row.state not in OPEN:
        return
    if row.state == "owed" and _out_of_patience(row, now):
        _fail(db, row, identity, error, now)
        return
    pause = after_us or min(1_000_000 * 2 ** min(row.tries + 1, 12), LONGEST_PAUSE_US)
    if row.state == "owed":
        _set(
            db, row.id, due_at=now + pause, why=error, tried_at=row.tried_at or now,
            tries=row.tries + 1,
        )  # fmt: skip
    elif token is None:
        _set(db, row.id, state="unknown", due_at=now + pause, why=error)  # not read back yet
    elif row.token == token:
        _owe_again(db, row, now + pause, now, why=error)


def fail(db: Transaction, push_id: int, error: str, now: int, *, token: str | None = None) -> None:
    """The channel refuses it for good: show it."""
    row, identity = _find(db, push_id)
    if row is None or row.state not in OPEN or (token is not None and row.token != token):
        return
    _fail(db, row, identity, error, now)


def moved(db: Transaction, push_id: int, into: str, now: int) -> None:
    """The channel knows the customer under another id: what is owed is owed there.

    The caller has recorded that. Nothing goes to a customer whom a person says to be another one.
    """
    row, identity = _find(db, push_id)
    if row is None or row.state not in OPEN:
        return
    tree = _tree_of(db, identity)
    _end(db, row, "cancelled", f"{identity.channel} has merged it into {into}", now)
    for one in tree.identities:
        if (one.installation_id, one.external_id) == (row.installation_id, into):
            said = decode_said(one.said)
            had = {name: _value(said, name) for name in row.details}
            _owe(db, row.installation_id, into, had, True, now)
    _tell(db, tree, now)


# -- how it ends -----------------------------------------------------------------------------------


def _nothing_to_send(
    db: Transaction,
    row: Any,
    identity: Any,
    newer: Collection[str],
    won: Mapping[str, Statement],
    now: int,
) -> Begun:
    if newer:
        why = _newer_words(identity.channel, newer)
        _end(db, row, "cancelled", why, now)
    elif all(_is_ours(won.get(name)) for name in row.details):
        why = f"{identity.channel} says so already"
        _end(db, row, "sent", why, now)
    else:
        why = "what was to be sent does not count for this customer any more"
        _end(db, row, "cancelled", why, now)
    _tell(db, _tree_of(db, identity), now)
    return Begun(why=why)


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
        db, identity.contact_id, tree.id, "not_sent", _source(row), changes, now,
        tell_of=True, why=_newer_words(identity.channel, newer),
    )  # fmt: skip


def _newer_words(channel: str, newer: Collection[str]) -> str:
    return f"{channel} has a newer {' and '.join(sorted(newer))}, which stands"


def _settle(db: Transaction, row: Any, identity: Any, tree: Tree, now: int) -> None:
    met = {name: one["met"] for name, one in row.sent.items() if one.get("met") is not None}
    why = None
    if met:
        told = ", ".join(f"{name} {_quoted(value)}" for name, value in met.items())
        why = f"{identity.channel} had {told} meanwhile; people's word stands"
    changes = {
        name: {"before": _told(one["before"]), "after": _told(one["after"])}
        for name, one in row.sent.items()
    }
    _end(db, row, "sent", why, now)
    note(
        db, identity.contact_id, tree.id, "sent", _source(row), changes, now,
        tell_of=True, why=why,
    )  # fmt: skip


def _fail(db: Transaction, row: Any, identity: Any, error: str, now: int) -> Begun:
    tree = _tree_of(db, identity)
    won = winning(tree.statements)
    changes = {
        name: {"before": None, "after": _told(won[name].value)}
        for name in row.details
        if _is_ours(won.get(name))
    }
    _end(db, row, "failed", error, now)
    note(
        db, identity.contact_id, tree.id, "not_sent", _source(row), changes, now,
        tell_of=True, why=error,
    )  # fmt: skip
    return Begun(why=error)


def _cancel(db: Transaction, row: Any, identity: Any, why: str, now: int) -> Begun:
    _end(db, row, "cancelled", why, now)
    _tell(db, _tree_of(db, identity), now)
    return Begun(why=why)


def _end(db: Transaction, row: Any, state: str, why: str | None, now: int) -> None:
    _set(db, row.id, state=state, why=why, ended_at=now)


def _owe_again(db: Transaction, row: Any, due_at: int, now: int, *, why: str | None = None) -> str:
    """Owe it anew; what was owed meanwhile goes on for both."""
    newer = db.execute(
        select(ContactPush.id, ContactPush.details).where(
            _of(row.installation_id, row.external_id), ContactPush.state == "owed"
        )
    ).one_or_none()
    if newer is None:
        _set(db, row.id, state="owed", due_at=due_at, reads=0, why=why or row.why)
        return "owed"
    _end(db, row, "cancelled", "a newer edit goes instead", now)
    _set(
        db, newer.id, details={**row.details, **newer.details}, due_at=due_at,
        tries=row.tries, tried_at=row.tried_at,
    )  # fmt: skip
    return "cancelled"


# -- rows ------------------------------------------------------------------------------------------


def _find(db: Transaction, push_id: int) -> tuple[Any, Any]:
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


def _tree_of(db: Transaction, identity: Any) -> Tree:
    return load_one(db, hold(db, [identity.contact_id])[identity.contact_id])


def _of(installation_id: str, external_id: str) -> Any:
    return (ContactPush.installation_id == installation_id) & (
        ContactPush.external_id == external_id
    )


def _set(db: Transaction, push_id: int, **values: Any) -> None:
    db.execute(update(ContactPush).where(ContactPush.id == push_id).values(values))


def _tell(db: Transaction, tree: Tree, now: int) -> None:
    """Whoever looks at the contact sees what became of it."""
    tell(db, "contact.updated", at=now, contact_id=tree.id, data={"kind": "sent", "changed": []})


def _source(row: Any) -> Source:
    return Source(kind="channel", id=row.external_id, installation=row.installation_id)


def _is_ours(word: Statement | None) -> bool:
    return word is not None and word.source.kind == "operator"


def _value(said: Mapping[str, Said], name: str) -> str | None:
    word = said.get(name)
    return (word.value or None) if word is not None else None


def _says(said: Mapping[str, Said], sent: Mapping[str, Json]) -> bool:
    return all(same(name, _value(said, name), one["after"]) for name, one in sent.items())


def _told(value: Any) -> Json | None:
    return None if value is None else {"value": value, "level": LEVELS[CLAIMED]}


def _quoted(value: Any) -> str:
    return "none" if value is None else f"“{value}”"


def _out_of_patience(row: Any, now: int) -> bool:
    return bool(now - (row.tried_at or now) > PATIENCE_US)
