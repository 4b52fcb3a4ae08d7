"""Text search over what was said: an index where words are rare, a bounded walk where they are not.

Words that many messages have fill a page from the newest sessions at once, where gathering all that
have them would take long; so a short walk comes first. What is rare is looked up then (PostgreSQL).
On SQLite every search is a walk, so that nothing is written for it when a webhook comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, text, true, tuple_

from gateway.store import Transaction
from gateway.store.models import ChatSession, Contact, Conversation, Message
from gateway.store.words import row_says

_RARE = 10_000
"""So many messages, or sessions of contacts, are still gathered one by one."""

_MESSAGES_A_SESSION = 6
"""More sessions than this makes are not looked at, however short they are."""

_LONG = 500
"""Of a long session not all count: with words that are frequent it is found at once."""

FAR, NEAR = 30_000, 2_000
"""How many messages a walk looks through: about 0.1 s, and next to nothing."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One stretch of a walk: the conditions of what it finds, its last key, and is there more?"""

    within: tuple[ColumnElement[bool], ...]
    last: tuple[int, str]
    more: bool


def sessions_that_say(db: Transaction, words: tuple[str, ...]) -> list[str] | None:
    """The ids of all sessions in which these words are; None if they are not rare, or unindexed."""
    if db.kind == "sqlite":
        return None
    said = select(Message.session_id).where(_says(db, "messages", words)).limit(_RARE + 1)
    of_contact = (
        select(ChatSession.id)
        .join(Conversation, Conversation.id == ChatSession.conversation_id)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(_says(db, "contacts", words))
        .limit(_RARE + 1)
    )
    with _by_index(db):
        by_words = db.scalars(said).all()
        by_contact = db.scalars(of_contact).all() if len(by_words) <= _RARE else []
    if len(by_words) > _RARE or len(by_contact) > _RARE:
        return None
    return sorted({id for id in (*by_words, *by_contact) if id is not None})


@contextmanager
def _by_index(db: Transaction) -> Iterator[None]:
    """A planner that takes words to be frequent, and is wrong, would read the whole table."""
    db.execute(text("SET enable_seqscan = off"))
    try:
        yield
    finally:  # the connection is used again
        db.execute(text("RESET enable_seqscan"))


def walk(
    db: Transaction,
    words: tuple[str, ...],
    candidates: Select[*tuple[Any, ...]],
    order: tuple[Any, ...],
    *,
    far: int = FAR,
) -> Walk | None:
    """The next stretch of a walk over `candidates` (opened_at, id, message_count); None at the end.

    It is about `far` messages long.
    """
    most = far // _MESSAGES_A_SESSION
    rows = db.execute(candidates.order_by(*order).limit(most + 1)).all()
    if not rows:
        return None
    stretch, messages = 0, 0
    for row in rows[:most]:
        messages += min(row.message_count, _LONG)
        stretch += 1
        if messages > far:
            break
    last = (rows[stretch - 1].opened_at, rows[stretch - 1].id)
    return Walk(
        within=(
            tuple_(ChatSession.opened_at, ChatSession.id) >= tuple_(*last),
            _found_in(db, words),
        ),
        last=last,
        more=len(rows) > stretch,
    )


def _found_in(db: Transaction, words: tuple[str, ...]) -> ColumnElement[bool]:
    # Scalar subqueries, not EXISTS, for which a planner may gather all that it could be true of;
    # and IS TRUE, lest it asks the index of all words anew for every session.
    in_messages = (
        select(true())
        .where(Message.session_id == ChatSession.id, _says(db, "messages", words).is_(true()))
        .limit(1)
        .scalar_subquery()
    )
    in_contact = (
        select(true())
        .select_from(Conversation)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(
            Conversation.id == ChatSession.conversation_id,
            _says(db, "contacts", words).is_(true()),
        )
        .limit(1)
        .scalar_subquery()
    )
    return or_(in_messages.is_not(None), in_contact.is_not(None))


def _says(db: Transaction, table: str, words: tuple[str, ...]) -> ColumnElement[bool]:
    return row_says(db.kind, table, words)
