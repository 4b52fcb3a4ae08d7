"""What is known of each subscriber: how far it has been told, whether it rests, if it is left."""

from __future__ import annotations

import random
import zlib
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select, update

from gateway import feed
from gateway.feed import Head, Told
from gateway.reading.events import event_id
from gateway.store import Database, Transaction, new_id
from gateway.store.models import EventDelivery, Subscriber
from gateway.store.sql import insert_into

LANES = 4
"""How many events are posted to one subscriber at the same time; of one session, one."""

AT_ONCE = 200
_REST_S = 5.0
_LONGEST_REST_S = 300.0


def find(db: Transaction, names: Collection[str]) -> dict[str, Any]:
    """Rows of those that have been met, by name."""
    rows = db.execute(select(Subscriber.__table__).where(Subscriber.name.in_(names)))
    return {row.name: row for row in rows}


def meet(db: Transaction, names: Collection[str], head: Head, now: int) -> None:
    """Write down who is new; they are told of what happens from now on."""
    for name in names:
        db.execute(
            insert_into(db, Subscriber)
            .values(name=name, cursor=head.last, joined_at=now, failures=0, rest_until=0)
            .on_conflict_do_nothing()
        )


def take_in(database: Database, name: str, kinds: Collection[str], now: int) -> bool:
    """Owe a subscriber what happened since; True if there may be more. Raises Unavailable."""
    with database.read() as db:
        row = find(db, [name]).get(name)
    if row is None or row.disabled_at is not None:
        return False
    news = feed.read(database, row.cursor, AT_ONCE)
    if not news:
        return False
    wanted = [told for told in news if told.kind in kinds]

    def owe(db: Transaction) -> bool:
        # Whoever else did the same meanwhile has moved the cursor: then there is nothing to do.
        moved = db.scalar(
            update(Subscriber)
            .where(Subscriber.name == name, Subscriber.cursor == row.cursor)
            .values(cursor=news[-1].place)
            .returning(Subscriber.name)
        )
        if moved is not None and wanted:
            db.execute(insert_into(db, EventDelivery), [_owed(name, one, now) for one in wanted])
        return moved is not None

    database.write(owe)
    return len(news) == AT_ONCE


def needed_from(db: Transaction, names: Collection[str]) -> int | None:
    """The place from which on the journal is still needed by one of these; None if by nobody."""
    cursors = db.scalars(
        select(Subscriber.cursor).where(
            Subscriber.name.in_(names), Subscriber.disabled_at.is_(None)
        )
    ).all()
    return min(cursors) + 1 if cursors else None


def has_taken(db: Transaction, name: str, now: int) -> None:
    """It took an event: whatever was wrong is over."""
    db.execute(
        update(Subscriber)
        .where(Subscriber.name == name)
        .values(failures=0, rest_until=0, sent_at=now, error=None)
    )


def is_away(db: Transaction, name: str, error: str, now: int) -> None:
    """Nobody is there, or it is overloaded: leave it alone for a while, longer each time."""
    failures = db.scalar(select(Subscriber.failures).where(Subscriber.name == name)) or 0
    rest_s = min(_REST_S * 2.0**failures, _LONGEST_REST_S) * random.uniform(0.8, 1.2)
    db.execute(
        update(Subscriber)
        .where(Subscriber.name == name)
        .values(failures=failures + 1, rest_until=now + int(rest_s * 1e6), error=error)
    )


def is_left_alone(db: Transaction, name: str, now: int) -> bool:
    """True if nothing is to be posted to it now: another lane has just found out."""
    row = find(db, [name])[name]
    return row.disabled_at is not None or row.rest_until > now


def refused(db: Transaction, name: str, error: str) -> None:
    """It did not take an event, and is there."""
    db.execute(update(Subscriber).where(Subscriber.name == name).values(error=error))


def disable(db: Transaction, name: str, error: str, now: int) -> None:
    """It wants no more events; an administrator may think otherwise."""
    db.execute(
        update(Subscriber)
        .where(Subscriber.name == name, Subscriber.disabled_at.is_(None))
        .values(disabled_at=now, error=error)
    )


def enable(db: Transaction, name: str, head: Head) -> None:
    """Go on where it was, as far as that is still known."""
    row = find(db, [name])[name]
    db.execute(
        update(Subscriber)
        .where(Subscriber.name == name)
        .values(disabled_at=None, failures=0, rest_until=0, cursor=max(row.cursor, head.forgotten))
    )


def _owed(name: str, told: Told, now: int) -> Mapping[str, Any]:
    subject = told.session_id or told.contact_id or ""
    return {
        "id": new_id("evd"),
        "subscriber": name,
        "place": told.place,
        "event_id": event_id(told.id, told),
        "kind": told.kind,
        "at": told.at,
        "subject": subject,
        "lane": zlib.crc32(subject.encode()) % LANES,
        "session_id": told.session_id,
        "contact_id": told.contact_id,
        "message_id": told.message_id,
        "data": told.data,
        "state": "owed",
        "owed_at": now,
        "due_at": now,
        "tries": 0,
    }
