"""Traces of a person outside of their own rows: events, the audit, answers to repeated calls."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from sqlalchemy import or_, select, tuple_, update

from gateway.conversations.forgetting import IN_WORDS
from gateway.privacy.person import Person
from gateway.store import Database, Transaction
from gateway.store.models import AuditEntry, EventDelivery, IdempotentAnswer, JournalRow, Message

_AT_ONCE = 500
_ID = re.compile(r"\b[a-z]{3}_[0-9a-z]{26}\b")
_ERASED = {"erased": True}


def clean(
    database: Database,
    person: Person,
    sessions: Collection[str],
    conversations: Collection[str],
    erasure_id: str,
) -> None:
    """Leave nothing of a person in them; that something happened, and by whom inside, stays.

    The erasure itself was answered with the ids that other systems have for them.
    """
    database.write(lambda db: _clean_audit(db, person))
    for some in _parts_of(list(conversations)):
        database.write(partial(clean_journal, conversations=some))
    for some in _parts_of(list(sessions)):
        database.write(partial(_clean_events, sessions=some))
    _clean_answers(database, {*person.members, *sessions, *conversations, erasure_id})


def _clean_audit(db: Transaction, person: Person) -> None:
    """Entries about a contact hold what was shown of it; those about sessions hold no words."""
    mine = AuditEntry.object_id.in_(person.members)
    for column in (AuditEntry.before, AuditEntry.after):
        db.execute(
            update(AuditEntry).where(mine, column.is_not(None)).values({column.key: _ERASED})
        )


def clean_journal(
    db: Transaction, conversations: Collection[str], sessions: Collection[str] | None = None
) -> None:
    """Leave no reason in words, and no customer's name, in events of conversations.

    `sessions`: only in those of these sessions.
    """
    rows = db.execute(
        select(JournalRow.id, JournalRow.data, JournalRow.session_id).where(
            JournalRow.conversation_id.in_(conversations), JournalRow.data.is_not(None)
        )
    ).all()
    for row in rows:
        data = _without_words(row.data or {})
        if data != row.data and (sessions is None or row.session_id in sessions):
            db.execute(update(JournalRow).where(JournalRow.id == row.id).values(data=data))


def _clean_events(db: Transaction, sessions: Collection[str]) -> None:
    rows = db.execute(
        select(EventDelivery.id, EventDelivery.data).where(
            EventDelivery.session_id.in_(sessions), EventDelivery.data.is_not(None)
        )
    ).all()
    for row in rows:
        data = _without_words(row.data or {})
        if data != row.data:
            db.execute(update(EventDelivery).where(EventDelivery.id == row.id).values(data=data))


def _without_words(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says besides, without what somebody put into words, and who the customer is."""
    told = dict(data)
    if told.get("trigger") in IN_WORDS and told.get("reason"):
        told["reason"] = ""
    by = told.get("by")
    if isinstance(by, Mapping) and by.get("kind") == "customer":
        told["by"] = {**by, "id": None, "name": None}
    return told


def _clean_answers(database: Database, ids: Collection[str]) -> None:
    """Answers that are kept for a day in case a call is repeated: they repeat what was said."""
    last: tuple[str, str] = ("", "")
    keys = (IdempotentAnswer.operator_id, IdempotentAnswer.key)
    while True:
        with database.read() as db:
            rows = db.execute(
                select(*keys, IdempotentAnswer.body)
                .where(tuple_(*keys) > tuple_(*last))
                .order_by(*keys)
                .limit(_AT_ONCE)
            ).all()
            named = {row: set(_ID.findall(row.body)) for row in rows}
            lines = {id for found in named.values() for id in found if id.startswith("msg_")}
            theirs = _lines_of(db, lines, ids)
        about = [(row.operator_id, row.key) for row, found in named.items()
                 if found & (theirs | set(ids))]  # fmt: skip
        if about:
            database.write(partial(_empty, about=about))
        if len(rows) < _AT_ONCE:
            return
        last = (rows[-1].operator_id, rows[-1].key)


def _lines_of(db: Transaction, lines: Collection[str], ids: Collection[str]) -> set[str]:
    found: set[str] = set()
    for some in _parts_of(sorted(lines)):
        rows = db.execute(select(Message.id, Message.conversation_id).where(Message.id.in_(some)))
        found |= {row.id for row in rows if row.conversation_id in ids}
    return found


def _empty(db: Transaction, about: Collection[tuple[str, str]]) -> None:
    mine = [
        (IdempotentAnswer.operator_id == operator_id) & (IdempotentAnswer.key == key)
        for operator_id, key in about
    ]
    db.execute(update(IdempotentAnswer).where(or_(*mine)).values(body='{"erased":true}'))


def _parts_of(ids: list[str]) -> list[list[str]]:
    return [ids[place : place + _AT_ONCE] for place in range(0, len(ids), _AT_ONCE)]
