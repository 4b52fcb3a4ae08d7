"""Deliveries at rest: kept as they came, once each, with what became of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.channels.base import Channel, Envelope
from gateway.events import Event
from gateway.store import Transaction, new_id
from gateway.store.models import InboxDelivery
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

_INBOX = table_of(InboxDelivery)
_KEEP = Prepared(lambda sql: sql.insert(_INBOX).on_conflict_do_nothing())
_IS_KEPT = Prepared(lambda _: select(_INBOX.c.id).where(_INBOX.c.id == bindparam("delivery")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A delivery on its way in: what came, and, where it could be translated, what it says.

    `id` is the name under which it is kept, and the origin of all that follows from it.
    """

    channel: Channel
    envelope: Envelope
    body: bytes
    events: Sequence[Event] = ()
    id: str = field(default_factory=partial(new_id, "dlv"))


@dataclass(slots=True, kw_only=True)
class Receipt:
    """What became of a delivery: applied, failed or foreign; `again` if it had come before."""

    id: str | None
    state: str
    again: bool = False
    owed: set[str] = field(default_factory=set)


def keep(
    db: Transaction,
    arrivals: Sequence[Arrival],
    states: Sequence[str],
    now: int,
    *,
    error: str | None = None,
) -> Callable[[], list[Receipt]]:
    """Keep deliveries in the state they will have when this transaction commits."""
    rows = [
        _row(arrival, state, error, now) for arrival, state in zip(arrivals, states, strict=True)
    ]
    # In one order everywhere: two transactions with the same deliveries never wait in a circle.
    kept = _KEEP.count(db, sorted(rows, key=itemgetter("dedup")))

    def receipts() -> list[Receipt]:
        new = {row["id"] for row in rows}
        if kept() < len(rows):  # some had come before
            found = _IS_KEPT.each(db, [{"delivery": id} for id in sorted(new)])
            new = {row.id for written in found for row in written}
        return [
            Receipt(id=row["id"], state=row["state"])
            if row["id"] in new
            else Receipt(id=None, state=row["state"], again=True)
            for row in rows
        ]

    return receipts


def applied_at_last(db: Transaction, delivery_id: str, now: int) -> None:
    """A replay has applied it."""
    _tried(db, delivery_id, state="applied", error=None, applied_at=now)


def failed_again(db: Transaction, delivery_id: str, error: str) -> None:
    """A replay has failed, too."""
    _tried(db, delivery_id, error=error)


def _tried(db: Transaction, delivery_id: str, **values: Any) -> None:
    db.execute(
        update(InboxDelivery)
        .where(InboxDelivery.id == delivery_id)
        .values(attempts=InboxDelivery.attempts + 1, **values)
    )


def _row(arrival: Arrival, state: str, error: str | None, now: int) -> dict[str, Any]:
    envelope = arrival.envelope
    return {
        "id": arrival.id,
        "channel": arrival.channel.name,
        "installation": envelope.installation,
        "dedup": envelope.id or "sha256:" + hashlib.sha256(arrival.body).hexdigest(),
        "topic": envelope.topic,
        "conversation": envelope.conversation,
        "state": state,
        "error": error,
        "body": arrival.body,
        "received_at": now,
        "applied_at": now if state == "applied" else None,
        "attempts": 1,
    }
