"""What the AI agent is told: public words, the customer, and what people did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Row, select, update

from gateway.clock import from_micros
from gateway.conversations.thread import Held
from gateway.events import Actor, Attachment, Turn, TurnContact, TurnMessage
from gateway.store import Transaction
from gateway.store.models import UNPLACED, ChatSession, Contact, Message

MOST_MESSAGES = 200
MOST_BYTES = 64 * 1024
_SHOWN = ("received", "sent", "owed")


def question(
    db: Transaction,
    held: Held,
    session: Row[*tuple[Any, ...]],
    turn: Row[*tuple[Any, ...]],
) -> Turn:
    """Put a turn's question together and mark the words that it tells for the first time."""
    rows = _latest(db, session.id)
    messages = [_message(row, turn.id) for row in rows]
    new = [row.id for row in rows if row.asked_in is None]
    if new:
        db.execute(update(Message).where(Message.id.in_(new)).values(asked_in=turn.id))
    return Turn(
        id=turn.id,
        session=session.id,
        channel=session.channel,
        mode=session.mode,
        cause=turn.cause,
        messages=messages,
        contact=_contact(db, held.contact_id),
        parameters=session.parameters,
        results=session.results,
        brief=_brief(rows) if turn.cause == "returned" else None,
        previous_summary=_previous_summary(db, session),
    )


def has_unasked(db: Transaction, session_id: str) -> bool:
    """True if the customer said something that no turn has told the agent."""
    found = db.scalar(
        select(Message.id)
        .where(
            Message.session_id == session_id,
            Message.kind == "message",
            Message.author_kind == "customer",
            Message.asked_in.is_(None),
        )
        .limit(1)
    )
    return found is not None


def _latest(db: Transaction, session_id: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """The newest public words that fit, oldest first."""
    rows = db.execute(
        select(
            Message.id, Message.author_kind, Message.author_id, Message.author_name, Message.text,
            Message.attachments, Message.at, Message.asked_in,
        )
        .where(
            Message.session_id == session_id,
            Message.kind == "message",
            Message.state.in_(_SHOWN),
        )
        .order_by(Message.at.desc(), Message.number.desc(), Message.step.desc(), Message.id.desc())
        .limit(MOST_MESSAGES)
    ).all()  # fmt: skip
    size = 0
    kept: list[Row[*tuple[Any, ...]]] = []
    for row in rows:
        size += len(row.text.encode())
        if kept and size > MOST_BYTES:
            break
        kept.append(row)
    return kept[::-1]


def _message(row: Row[*tuple[Any, ...]], turn_id: str) -> TurnMessage:
    return TurnMessage(
        id=row.id,
        author=Actor(kind=row.author_kind, id=row.author_id, name=row.author_name),
        text=row.text,
        occurred_at=from_micros(row.at % UNPLACED),
        attachments=[Attachment(**cast("dict[str, Any]", one)) for one in row.attachments],
        new=row.asked_in in (None, turn_id),
    )


def _contact(db: Transaction, contact_id: str | None) -> TurnContact | None:
    if contact_id is None:
        return None
    row = db.execute(
        select(Contact.id, Contact.name, Contact.email, Contact.verified).where(
            Contact.id == contact_id
        )
    ).one()
    return TurnContact(id=row.id, name=row.name, email=row.email, verified=row.verified)


def _brief(rows: Sequence[Row[*tuple[Any, ...]]]) -> str | None:
    """The latest stretch in which people spoke, as lines of name and words."""
    stretch: list[str] = []
    for row in reversed(rows):
        if row.author_kind == "ai" and stretch:
            break
        if row.author_kind in ("operator", "customer"):
            name = row.author_name or ("Customer" if row.author_kind == "customer" else "Operator")
            stretch.append(f"{name}: {row.text}")
    if not any(row.author_kind == "operator" for row in rows):
        return None
    return "\n".join(reversed(stretch))


def _previous_summary(db: Transaction, session: Row[*tuple[Any, ...]]) -> str | None:
    return cast(
        "str | None",
        db.scalar(
            select(ChatSession.summary)
            .where(
                ChatSession.conversation_id == session.conversation_id,
                ChatSession.opened_at < session.opened_at,
                ChatSession.summary.is_not(None),
            )
            .order_by(ChatSession.opened_at.desc())
            .limit(1)
        ),
    )
