"""What readers tell of themselves: up to where they have read, and what they thought of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import select, tuple_

from gateway import feed
from gateway.channels.webwidget.refusals import NotFinished
from gateway.errors import NotFound
from gateway.reading.places import POSITION
from gateway.store import Transaction
from gateway.store.models import ChatSession, Message, OperatorReadMark, Rating, ReadMark
from gateway.store.sql import insert_into, locked

Side = Literal["customer", "operator"]

_PLACE = POSITION[:3]


def read_up_to(
    db: Transaction,
    side: Side,
    session_id: str,
    message_id: str | None,
    by: Mapping[str, Any],
    now: int,
) -> bool:
    """Mark a session as read up to a line (None: the newest); True if that is news.

    A mark never goes back. `by` is who has read, as events tell it. Raises NotFound.
    """
    line = _line(db, session_id, message_id)
    key = {"session_id": session_id, "side": side}
    if not _move(db, ReadMark, key, line, {"message_id": line.id, "read_at": now}):
        return False
    conversation_id = db.scalar(
        select(ChatSession.conversation_id).where(ChatSession.id == session_id)
    )
    feed.tell(
        db, "session.read", at=now, session_id=session_id, conversation_id=conversation_id,
        data={"by": dict(by), "message_id": line.id},
    )  # fmt: skip
    return True


def read_by(
    db: Transaction, operator_id: str, session_id: str, message_id: str | None, now: int
) -> bool:
    """Mark a session as read by an operator, for themselves; True if that is news.

    Raises NotFound.
    """
    line = _line(db, session_id, message_id)
    key = {"session_id": session_id, "operator_id": operator_id}
    return _move(db, OperatorReadMark, key, line, {"read_at": now})


def _line(db: Transaction, session_id: str, message_id: str | None) -> Any:
    """A line of a session (None: the newest), with its place."""
    lines = select(Message.id, *_PLACE).where(Message.session_id == session_id)
    if message_id is None:
        lines = lines.order_by(*(column.desc() for column in (*_PLACE, Message.id)))
    else:
        lines = lines.where(Message.id == message_id)
    line = db.execute(lines.limit(1)).one_or_none()
    if line is None:
        raise NotFound("there is no such message in this session")
    return line


def _move(
    db: Transaction,
    table: type[ReadMark] | type[OperatorReadMark],
    key: Mapping[str, str],
    line: Any,
    more: Mapping[str, Any],
) -> bool:
    """Move a mark on to a line; False if it is there, or further on."""
    values = {"at": line.at, "number": line.number, "step": line.step, **more}
    mark = insert_into(db, table).values(**key, **values)
    new = mark.excluded
    moved = mark.on_conflict_do_update(
        index_elements=list(key),
        set_={name: new[name] for name in values},
        where=tuple_(new.at, new.number, new.step) > tuple_(table.at, table.number, table.step),
    ).returning(table.session_id)
    return db.scalar(moved) is not None


def rate(db: Transaction, session_id: str, score: int, comment: str, now: int) -> None:
    """Keep what a customer thought of a session; a later word replaces the one before.

    Raises NotFound, and NotFinished while it goes on.
    """
    query = select(ChatSession.status, ChatSession.conversation_id)
    row = db.execute(locked(db, query.where(ChatSession.id == session_id))).one_or_none()
    if row is None:
        raise NotFound("there is no such session")
    if row.status != "finished":
        raise NotFinished("this session is not finished yet")
    kept = insert_into(db, Rating).values(
        session_id=session_id, score=score, comment=comment, rated_at=now
    )
    new = kept.excluded
    db.execute(
        kept.on_conflict_do_update(
            index_elements=[Rating.session_id],
            set_={"score": new.score, "comment": new.comment, "rated_at": new.rated_at},
        )
    )
    feed.tell(
        db, "session.rated", at=now, session_id=session_id, conversation_id=row.conversation_id
    )
