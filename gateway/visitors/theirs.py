"""What is a visitor's to read: their own conversation; a proven user's, on whatever device.

Every door asks here, and nothing else opens anything: not an e-mail address, not a contact that
stands for several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, tuple_
from sqlalchemy.orm import aliased

from gateway.channels.webwidget.backend import Visitor
from gateway.channels.webwidget.talk import Past
from gateway.errors import NotFound
from gateway.reading.cursors import from_cursor, to_cursor
from gateway.reading.previews import preview
from gateway.store import Transaction
from gateway.store.models import ChatSession, Conversation, Message
from gateway.store.models import Visitor as VisitorRow
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

PAGE = 20
_LONGEST_WORDS = 200
_CONVERSATIONS = table_of(Conversation)
_OWN = Prepared(
    lambda _: select(_CONVERSATIONS.c.id).where(
        _CONVERSATIONS.c.external_id == bindparam("visitor"),
        _CONVERSATIONS.c.channel == bindparam("channel"),
    )
)


def own_conversation(db: Transaction, visitor: Visitor) -> str | None:
    """The conversation in which a visitor speaks; None before their first word."""
    row = _OWN.first(db, {"visitor": visitor.id, "channel": visitor.channel})
    return None if row is None else str(row.id)


def conversation_of_session(db: Transaction, visitor: Visitor, session_id: str) -> str:
    """The conversation of a session that is theirs; raise NotFound for any other."""
    query = _in_conversations(select(ChatSession.conversation_id)).where(
        ChatSession.id == session_id, _is_theirs(visitor)
    )
    found = db.scalar(query)
    if found is None:
        raise NotFound("there is no such session")
    return str(found)


def place_of_line(db: Transaction, visitor: Visitor, message_id: str) -> tuple[str, str]:
    """The conversation and the session of a line that is theirs; raise NotFound for any other."""
    query = _in_conversations(
        select(ChatSession.conversation_id, ChatSession.id).join(
            Message, Message.session_id == ChatSession.id
        )
    ).where(Message.id == message_id, _is_theirs(visitor))
    row = db.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such message")
    return row[0], row[1]


def sessions(
    db: Transaction, visitor: Visitor, cursor: str | None
) -> tuple[Sequence[Past], str | None]:
    """A page of a proven user's sessions, the newest first; of anybody else's there is none.

    Raises Unreadable for a foreign cursor.
    """
    if visitor.user is None:
        return (), None
    said = aliased(Message)
    newest = (
        select(said.id)
        .where(
            said.session_id == ChatSession.id,
            said.kind == "message",
            said.state.in_(("received", "sent")),
        )
        .order_by(said.at.desc(), said.number.desc(), said.step.desc(), said.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = _in_conversations(
        select(
            ChatSession.id, ChatSession.status, ChatSession.opened_at, ChatSession.finished_at,
            Message.author_kind, Message.text, Message.html,
        )
    ).outerjoin(Message, Message.id == newest).where(_is_theirs(visitor))  # fmt: skip
    if cursor is not None:
        last = from_cursor(cursor, (int, str))
        query = query.where(tuple_(ChatSession.opened_at, ChatSession.id) < tuple_(*last))
    order = (ChatSession.opened_at.desc(), ChatSession.id.desc())
    rows = db.execute(query.order_by(*order).limit(PAGE + 1)).all()
    page = rows[:PAGE]
    following = to_cursor((page[-1].opened_at, page[-1].id)) if len(rows) > PAGE else None
    return [_past(row) for row in page], following


def _past(row: Any) -> Past:
    # What customers write is no Markdown.
    html = None if row.author_kind == "customer" else row.html
    return Past(
        id=row.id,
        status=row.status,
        started_at=row.opened_at,
        finished_at=row.finished_at,
        last_words=preview(row.text or "", html, _LONGEST_WORDS),
    )


def _in_conversations(query: Any) -> Any:
    return query.join(Conversation, Conversation.id == ChatSession.conversation_id).outerjoin(
        VisitorRow,
        and_(
            VisitorRow.id == Conversation.external_id,
            VisitorRow.channel == Conversation.channel,
        ),
    )


def _is_theirs(visitor: Visitor) -> ColumnElement[bool]:
    mine: ColumnElement[bool] = Conversation.external_id == visitor.id
    if visitor.user is not None:
        mine = or_(mine, VisitorRow.user_key == visitor.user)
    return and_(Conversation.channel == visitor.channel, mine)
