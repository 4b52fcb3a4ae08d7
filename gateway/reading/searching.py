"""Text search over what was said: an index where words are rare, a bounded walk where they are not.

A rare word is looked up (PostgreSQL). A word that thousands of messages have need not be: among the
newest sessions enough of them are found at once, where gathering all of them would take long. On
SQLite every search is a walk, so that nothing is written for it when a webhook comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, true, tuple_

from gateway.store import Transaction
from gateway.store.models import ChatSession, Contact, Conversation, Message
from gateway.store.words import WHO, text_says

_RARE = 10_000
"""So many messages, or sessions of contacts, are still gathered one by one."""

_WALKED_SESSIONS = 5_000
_WALKED_MESSAGES = 30_000
"""How far one page looks: about 0.2 s."""


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
    said = select(Message.session_id).where(_message_says(db, words)).limit(_RARE + 1)
    by_words = db.scalars(said).all()
    if len(by_words) > _RARE:
        return None
    by_contact = db.scalars(
        select(ChatSession.id)
        .join(Conversation, Conversation.id == ChatSession.conversation_id)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(_contact_is(db, words))
        .limit(_RARE + 1)
    ).all()
    if len(by_contact) > _RARE:
        return None
    return sorted({id for id in (*by_words, *by_contact) if id is not None})


def walk(
    db: Transaction,
    words: tuple[str, ...],
    candidates: Select[*tuple[Any, ...]],
    order: tuple[Any, ...],
) -> Walk | None:
    """The next stretch of a walk over `candidates` (opened_at, id, message_count); None at the end.

    It is as long as may be looked through for one page.
    """
    rows = db.execute(candidates.order_by(*order).limit(_WALKED_SESSIONS + 1)).all()
    if not rows:
        return None
    stretch, messages = 0, 0
    for row in rows[:_WALKED_SESSIONS]:
        messages += row.message_count
        stretch += 1
        if messages > _WALKED_MESSAGES:
            break
    last = (rows[stretch - 1].opened_at, rows[stretch - 1].id)
    return Walk(
        within=(tuple_(ChatSession.opened_at, ChatSession.id) >= tuple_(*last), _says(db, words)),
        last=last,
        more=len(rows) > stretch,
    )


def _says(db: Transaction, words: tuple[str, ...]) -> ColumnElement[bool]:
    # Scalar subqueries, not EXISTS: for that a planner may gather all that it could be true of.
    in_messages = (
        select(true())
        .where(Message.session_id == ChatSession.id, _message_says(db, words))
        .limit(1)
        .scalar_subquery()
    )
    in_contact = (
        select(true())
        .select_from(Conversation)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(Conversation.id == ChatSession.conversation_id, _contact_is(db, words))
        .limit(1)
        .scalar_subquery()
    )
    return or_(in_messages.is_not(None), in_contact.is_not(None))


def _message_says(db: Transaction, words: tuple[str, ...]) -> ColumnElement[bool]:
    return text_says(db.kind, "text", words)


def _contact_is(db: Transaction, words: tuple[str, ...]) -> ColumnElement[bool]:
    return text_says(db.kind, WHO, words)
