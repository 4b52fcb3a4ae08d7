"""After the begin: what was sent is settled, read back, sent again later, or given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from gateway.contacts.details import Said, same
from gateway.contacts.journal import note
from gateway.contacts.owed import (
    BEGUN,
    OPEN,
    as_value,
    change,
    end,
    find,
    give_up,
    of_identity,
    out_of_patience,
    owe_again,
    quoted,
    says,
    source_of,
    tell_of,
    tree_of,
    value_of,
)
from gateway.contacts.trees import Tree, decode_said
from gateway.store import Transaction
from gateway.store.models import ContactPush
from gateway.store.sql import locked

READ_BACK_US = (10_000_000, 30_000_000)
"""After an unknown outcome the channel is read at these times since the begin; then owed again."""
_FIRST_PAUSE_US = 1_000_000
_LONGEST_PAUSE_US = 600_000_000


def settle(db: Transaction, push_id: int, now: int) -> None:
    """The channel has taken it; the caller has recorded what the channel says now."""
    row, identity = find(db, push_id)
    if row is None or row.state not in BEGUN:
        return
    tree = tree_of(db, identity)
    said = decode_said(identity.said)
    kept = {
        name: theirs
        for name, one in row.sent.items()
        if not same(name, theirs := value_of(said, name), one["after"])
    }
    if kept:
        words = ", ".join(f"{name} {quoted(value)}" for name, value in kept.items())
        give_up(
            db, row, identity, f"{identity.channel} took the call and has {words} all the same", now
        )
    else:
        _settle(db, row, identity, tree, now)


def settle_by_word(
    db: Transaction,
    installation_id: str,
    external_id: str,
    said: Mapping[str, Said],
    tree: Tree,
    now: int,
) -> None:
    """Settle what is on its way, if what the channel says now is what was sent: our own echo.

    It often comes before the call returns. The contact is held.
    """
    row = db.execute(
        locked(
            db,
            select(ContactPush.__table__).where(
                of_identity(installation_id, external_id), ContactPush.state.in_(BEGUN)
            ),
        )
    ).one_or_none()
    if row is not None and says(said, row.sent):
        _, identity = find(db, row.id)
        _settle(db, row, identity, tree, now)


def read_back(db: Transaction, push_id: int, now: int) -> str:
    """The channel was read after an unknown outcome, and that was recorded; return the state."""
    row, identity = find(db, push_id)
    if row is None:
        return "gone"
    if row.state not in BEGUN:
        return str(row.state)
    if says(decode_said(identity.said), row.sent):
        _settle(db, row, identity, tree_of(db, identity), now)
        return "sent"
    if row.reads + 1 < len(READ_BACK_US):
        due_at = max(now + 1_000_000, row.begun_at + READ_BACK_US[row.reads + 1])
        change(db, row.id, state="unknown", reads=row.reads + 1, due_at=due_at)
        return "unknown"
    return owe_again(db, row, now, now)


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
    counts: bool = True,
) -> None:
    """Nothing was done: try again later, more and more rarely. With the `token` of its begin, also
    what the channel refused to take just now. Where it does not count, no patience is used up."""
    row, identity = find(db, push_id)
    if row is None or row.state not in OPEN:
        return
    if token is None and counts and out_of_patience(row, now):
        give_up(db, row, identity, error, now)
        return
    if row.why != error:
        tell_of(db, tree_of(db, identity), "sending", now)
    pause = after_us or min(_FIRST_PAUSE_US * 2 ** min(row.tries + 1, 12), _LONGEST_PAUSE_US)
    if row.state == "owed":
        change(
            db, row.id, due_at=now + pause, why=error,
            tried_at=(row.tried_at or now) if counts else None, tries=row.tries + counts,
        )  # fmt: skip
    elif token is None:
        # It could not be read back, so nothing is sent.
        change(db, row.id, state="unknown", due_at=now + pause, why=error, tries=row.tries + 1)
    elif row.token == token:
        owe_again(db, row, now + pause, now, why=error)


def fail(db: Transaction, push_id: int, error: str, now: int, *, token: str | None = None) -> None:
    """The channel refuses it for good: show it."""
    row, identity = find(db, push_id)
    if row is None or row.state not in OPEN or (token is not None and row.token != token):
        return
    give_up(db, row, identity, error, now)


def _settle(db: Transaction, row: Any, identity: Any, tree: Tree, now: int) -> None:
    met = {name: one["met"] for name, one in row.sent.items() if one.get("met") is not None}
    why = None
    if met:
        words = ", ".join(f"{name} {quoted(value)}" for name, value in met.items())
        why = f"{identity.channel} had {words} meanwhile; people's word stands"
    changes = {
        name: {"before": as_value(one["before"]), "after": as_value(one["after"])}
        for name, one in row.sent.items()
    }
    end(db, row, "sent", why, now)
    note(
        db, identity.contact_id, tree.id, "sent", source_of(row), changes, now,
        tell_of=True, why=why,
    )  # fmt: skip
