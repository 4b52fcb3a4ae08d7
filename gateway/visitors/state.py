"""How a session stands for its customer, in one statement: every poll asks for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, tuple_

from gateway.conversations.turns import OPEN
from gateway.store.models import (
    ChatSession,
    Message,
    Operator,
    OperatorAvatar,
    Rating,
    ReadMark,
    TurnRow,
)
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

_SESSIONS, _MESSAGES, _TURNS = table_of(ChatSession), table_of(Message), table_of(TurnRow)
_OPERATORS, _PICTURES = table_of(Operator), table_of(OperatorAvatar)
_RATINGS, _MARKS = table_of(Rating), table_of(ReadMark)
_MINE = _MARKS.alias("mine")
_THEIRS = _MARKS.alias("theirs")


def _position(table: Any) -> Any:
    return tuple_(table.c.at, table.c.number, table.c.step)


def _state() -> Select[*tuple[Any, ...]]:
    said = and_(_MESSAGES.c.session_id == _SESSIONS.c.id, _MESSAGES.c.kind.in_(literals("message")))
    unread = select(func.count()).where(
        said,
        _MESSAGES.c.author_kind.not_in(literals("customer")),
        _MESSAGES.c.state.in_(literals("sent", "received")),
        # Written so that the index leads to what is new: one that has read nothing is before all.
        _position(_MESSAGES)
        > tuple_(
            func.coalesce(_MINE.c.at, -1),
            func.coalesce(_MINE.c.number, 0),
            func.coalesce(_MINE.c.step, 0),
        ),
    )
    answer = _MESSAGES.alias("answer")
    answered = exists().where(
        answer.c.session_id == _MESSAGES.c.session_id,
        answer.c.kind.in_(literals("message")),
        answer.c.author_kind.in_(literals("operator")),
        _position(answer) > _position(_MESSAGES),
    )
    read_by_them = (
        select(_MESSAGES.c.id)
        .where(
            said,
            _MESSAGES.c.author_kind.in_(literals("customer")),
            or_(
                _MESSAGES.c.asked_in.is_not(None),  # a turn has told the AI of it
                _position(_MESSAGES) <= _position(_THEIRS),
                answered,
            ),
        )
        .order_by(_MESSAGES.c.at.desc(), _MESSAGES.c.number.desc(), _MESSAGES.c.step.desc())
        .limit(1)
    )
    thinks = exists().where(
        _TURNS.c.session_id == _SESSIONS.c.id,
        _TURNS.c.state.in_(literals(*OPEN)),
        _TURNS.c.cause.not_in(literals("draft")),
    )
    return (
        select(
            _SESSIONS.c.id, _SESSIONS.c.conversation_id, _SESSIONS.c.status, _SESSIONS.c.agent,
            _SESSIONS.c.mode, _SESSIONS.c.responsible_kind, _SESSIONS.c.responsible_name,
            _SESSIONS.c.waiting_since, _SESSIONS.c.wait_step, _SESSIONS.c.opened_at,
            _SESSIONS.c.finished_at, _OPERATORS.c.name.label("operator"), _PICTURES.c.shown_as,
            _RATINGS.c.score, _RATINGS.c.comment, thinks.label("thinks"),
            unread.scalar_subquery().label("unread"),
            read_by_them.scalar_subquery().label("read_by_them"),
        )
        .outerjoin(_OPERATORS, _OPERATORS.c.id == _SESSIONS.c.responsible_id)
        .outerjoin(_PICTURES, _PICTURES.c.operator_id == _SESSIONS.c.responsible_id)
        .outerjoin(_RATINGS, _RATINGS.c.session_id == _SESSIONS.c.id)
        .outerjoin(_MINE, and_(_MINE.c.session_id == _SESSIONS.c.id, _MINE.c.side == "customer"))
        .outerjoin(
            _THEIRS, and_(_THEIRS.c.session_id == _SESSIONS.c.id, _THEIRS.c.side == "operator")
        )
    )  # fmt: skip


_EACH = _SESSIONS.alias("each")
CURRENT = Prepared(
    lambda _: _state().where(
        # Found first, so that the rest is asked of one session only.
        _SESSIONS.c.id
        == select(_EACH.c.id)
        .where(_EACH.c.conversation_id == bindparam("conversation"))
        .order_by(
            _EACH.c.opened_at.desc(), _EACH.c.opened_number.desc(), _EACH.c.opened_step.desc()
        )
        .limit(1)
        .scalar_subquery()
    )
)
ONE = Prepared(
    lambda _: _state().where(
        _SESSIONS.c.id == bindparam("session"),
        _SESSIONS.c.conversation_id == bindparam("conversation"),
    )
)
