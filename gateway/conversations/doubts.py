"""Doubts: conversations that changed in their channel after they were last read from it.

A pass over the channel's changes finds them; each is a row until its conversation has been read,
so a pass may be broken off anywhere and goes on where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update

from gateway.conversations.thread import Named, open_conversations
from gateway.store import Transaction
from gateway.store.models import Conversation, Doubt, Reconciliation, Repair
from gateway.store.sql import insert_into, locked

PATIENT = 5
"""After so many tries a pass no longer waits for a conversation; the next one takes it over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A doubt that a worker has taken, with what it must know to read the conversation."""

    conversation_id: str
    reconciliation_id: str
    external_id: str
    channel: str
    tries: int
    held_since: int | None
    read_due: int | None


@dataclass(slots=True, kw_only=True)
class Found:
    """What reading a conversation in doubt came to.

    `learned` counts what no report had told, by kind; `lost` parts are too old to be told at all.
    """

    learned: Mapping[str, int]
    session_id: str | None = None
    effect: str | None = None
    gone: bool = False
    lost: int = 0


def doubt(
    db: Transaction,
    reconciliation_id: str,
    changed: Mapping[Named, int],
    *,
    now: int,
    min_age_us: int,
) -> int:
    """Doubt those that changed (at the given times, µs) after they were read; return how many."""
    known = _known(db, changed)
    strangers = [name for name in changed if name not in known]
    for name, held in open_conversations(db, strangers, now).items():
        known[name] = (held.id, 0)
    rows = [
        {
            "conversation_id": known[name][0],
            "reconciliation_id": reconciliation_id,
            "doubted_at": at,
            # Not while its last reports may still be on their way.
            "due_at": max(now, at + min_age_us),
            "tries": 0,
        }
        for name, at in sorted(changed.items())
        if at > known[name][1]
    ]
    return _keep(db, rows)


def doubt_gone(db: Transaction, reconciliation_id: str, gone: Collection[Named], now: int) -> int:
    """Doubt those of `gone` that the record still takes for being there; return how many."""
    if not gone:
        return 0
    known = _known(db, dict.fromkeys(gone, 0))
    there = db.scalars(
        select(Conversation.id).where(
            Conversation.id.in_([id for id, _ in known.values()]),
            Conversation.thread.not_like('%"deleted":true%'),
        )
    )
    return _keep(
        db,
        [
            {
                "conversation_id": id, "reconciliation_id": reconciliation_id, "doubted_at": now,
                "due_at": now, "tries": 0,
            }
            for id in sorted(there)
        ],
    )  # fmt: skip


def due(db: Transaction, reconciliation_id: str, now: int, most: int) -> Sequence[str]:
    """Conversations to be read for a pass, the newest first."""
    return db.scalars(
        select(Doubt.conversation_id)
        .where(Doubt.reconciliation_id == reconciliation_id, Doubt.due_at <= now)
        .order_by(Doubt.doubted_at.desc())
        .limit(most)
    ).all()


def take(db: Transaction, conversation_id: str, now: int, lease_us: int) -> Taken | None:
    """Take a due doubt until its lease is over; None if somebody else has, or it is settled."""
    taken = db.execute(
        update(Doubt)
        .where(Doubt.conversation_id == conversation_id, Doubt.due_at <= now)
        .values(due_at=now + lease_us)
        .returning(Doubt.reconciliation_id, Doubt.tries)
    ).one_or_none()
    if taken is None:
        return None
    row = db.execute(
        select(
            Conversation.external_id, Conversation.channel, Conversation.held_since,
            Conversation.read_due,
        ).where(Conversation.id == conversation_id)
    ).one()  # fmt: skip
    return Taken(
        conversation_id=conversation_id,
        reconciliation_id=taken.reconciliation_id,
        tries=taken.tries,
        **row._mapping,
    )


def later(db: Transaction, taken: Taken, due_at: int, *, tried: bool) -> None:
    """The conversation could not be read: try again at `due_at`."""
    db.execute(
        update(Doubt)
        .where(Doubt.conversation_id == taken.conversation_id)
        .values(due_at=due_at, tries=taken.tries + tried)
    )


def settle(db: Transaction, taken: Taken, found: Found, now: int) -> bool:
    """The (locked) conversation was read: end the doubt and count; False if it had ended before."""
    ended = db.execute(delete(Doubt).where(Doubt.conversation_id == taken.conversation_id)
                       .returning(Doubt.reconciliation_id)).one_or_none()  # fmt: skip
    if ended is None:
        return False
    repaired = int(bool(found.learned) or found.gone)
    drift = db.scalar(locked(db, select(Reconciliation.drift).where(Reconciliation.id == ended[0])))
    db.execute(
        update(Reconciliation)
        .where(Reconciliation.id == ended[0])
        .values(
            read=Reconciliation.read + 1,
            repaired=Reconciliation.repaired + repaired,
            gone=Reconciliation.gone + int(found.gone),
            lost=Reconciliation.lost + found.lost,
            drift=added(drift, found.learned),
        )
    )
    if repaired or found.effect:
        db.execute(
            insert_into(db, Repair)
            .values(
                reconciliation_id=ended[0], conversation_id=taken.conversation_id,
                session_id=found.session_id, at=now, learned=dict(found.learned),
                effect=found.effect,
            )
            .on_conflict_do_nothing()
        )  # fmt: skip
    return True


def waiting(db: Transaction, reconciliation_id: str) -> int:
    """How many conversations a pass still waits for."""
    return db.scalar(
        select(func.count()).where(
            Doubt.reconciliation_id == reconciliation_id, Doubt.tries < PATIENT
        )
    ) or 0  # fmt: skip


def added(counts: Mapping[str, Any] | None, more: Mapping[str, int]) -> dict[str, int]:
    """Both counts together."""
    return dict(Counter(counts or {}) + Counter(more))


def _known(db: Transaction, names: Mapping[Named, int]) -> dict[Named, tuple[str, int]]:
    """Our id of each, and up to when it was read."""
    by_home: dict[str, dict[str, Named]] = {}
    for name in names:
        by_home.setdefault(name.installation_id, {})[name.external_id] = name
    known = {}
    for home, by_id in by_home.items():
        rows = db.execute(
            select(Conversation.id, Conversation.external_id, Conversation.truth_at).where(
                Conversation.installation_id == home, Conversation.external_id.in_(by_id)
            )
        )
        for row in rows:
            known[by_id[row.external_id]] = (row.id, row.truth_at)
    return known


def _keep(db: Transaction, rows: Sequence[dict[str, Any]]) -> int:
    if not rows:
        return 0
    kept = db.execute(
        insert_into(db, Doubt)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(Doubt.conversation_id)
    )
    return len(kept.all())
