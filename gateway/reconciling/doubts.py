"""Doubts: conversations that changed in their channel after they were last read from it.

A pass over the channel's changes finds them; each is a row until its conversation has been read,
so a pass may be broken off anywhere and goes on where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, delete, func, select, update

from gateway.conversations.thread import Named, open_conversations
from gateway.store import Transaction
from gateway.store.models import Conversation, Doubt, Reconciliation, Repair
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, table_of

_DOUBTS, _PASSES = table_of(Doubt), table_of(Reconciliation)
_CONVERSATIONS, _REPAIRS = table_of(Conversation), table_of(Repair)
_OF_CONVERSATION = _DOUBTS.c.conversation_id == bindparam("conversation")
_OF_PASS = _PASSES.c.id == bindparam("pass_id")
_DUE = Prepared(
    lambda _: (
        select(_DOUBTS.c.conversation_id)
        .where(
            _DOUBTS.c.reconciliation_id == bindparam("pass_id"),
            _DOUBTS.c.due_at <= bindparam("now"),
        )
        .order_by(_DOUBTS.c.doubted_at.desc())
        .limit(bindparam("most", type_=Integer))
    )
)
_TAKE = Prepared(
    lambda _: (
        update(_DOUBTS)
        .where(_OF_CONVERSATION, _DOUBTS.c.due_at <= bindparam("now"))
        .returning(_DOUBTS.c.reconciliation_id, _DOUBTS.c.tries)
    )
)
_CONVERSATION = Prepared(
    lambda _: select(
        _CONVERSATIONS.c.external_id, _CONVERSATIONS.c.channel, _CONVERSATIONS.c.held_since,
        _CONVERSATIONS.c.read_due,
    ).where(_CONVERSATIONS.c.id == bindparam("conversation"))
)  # fmt: skip
_END = Prepared(
    lambda _: delete(_DOUBTS).where(_OF_CONVERSATION).returning(_DOUBTS.c.reconciliation_id)
)
_COUNTED = Prepared(
    lambda sql: sql.locked(
        select(
            _PASSES.c.read, _PASSES.c.repaired, _PASSES.c.gone, _PASSES.c.lost, _PASSES.c.drift
        ).where(_OF_PASS)
    )
)
_COUNT = Prepared(lambda _: update(_PASSES).where(_OF_PASS))
_REPAIRED = Prepared(lambda sql: sql.insert(_REPAIRS).on_conflict_do_nothing())

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
    asked = {"pass_id": reconciliation_id, "now": now, "most": most}
    return [row.conversation_id for row in _DUE.run(db, asked)]


def take(db: Transaction, conversation_id: str, now: int, lease_us: int) -> Taken | None:
    """Take a due doubt until its lease is over; None if somebody else has, or it is settled."""
    asked = {"conversation": conversation_id, "now": now, "due_at": now + lease_us}
    taken = _TAKE.first(db, asked)
    if taken is None:
        return None
    (row,) = _CONVERSATION.run(db, {"conversation": conversation_id})
    return Taken(
        conversation_id=conversation_id,
        reconciliation_id=taken.reconciliation_id,
        tries=taken.tries,
        **row._asdict(),
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
    ended = _END.first(db, {"conversation": taken.conversation_id})
    if ended is None:
        return False
    id = ended.reconciliation_id
    repaired = bool(found.learned) or found.gone
    (before,) = _COUNTED.run(db, {"pass_id": id})
    counts = {
        "read": before.read + 1,
        "repaired": before.repaired + repaired,
        "gone": before.gone + found.gone,
        "lost": before.lost + found.lost,
        "drift": added(before.drift, found.learned),
    }
    _COUNT.run(db, {"pass_id": id, **counts})
    if repaired or found.effect:
        repair = {
            "reconciliation_id": id, "conversation_id": taken.conversation_id,
            "session_id": found.session_id, "at": now, "learned": dict(found.learned),
            "effect": found.effect,
        }  # fmt: skip
        _REPAIRED.run(db, repair)
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
