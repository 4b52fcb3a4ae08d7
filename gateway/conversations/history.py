"""What people read: messages, notes and markers, each in the session it belongs to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Update,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from gateway import feed, files
from gateway.conversations.thread import Held
from gateway.events import Actor, Attachment, MessageReceived, NoteAdded, Position
from gateway.handover import Marker
from gateway.store import Transaction, new_id
from gateway.store.models import UNPLACED, ChatSession, Message
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

_MARKER = "marker:"
_MESSAGES = table_of(Message)
_WRITE = Prepared(lambda sql: sql.insert(_MESSAGES).on_conflict_do_nothing())
_FORGET_ECHO = Prepared(
    lambda _: delete(_MESSAGES).where(
        _MESSAGES.c.conversation_id == bindparam("conversation"),
        _MESSAGES.c.external_id == bindparam("external"),
        _MESSAGES.c.id != bindparam("own"),
    )
)
_PLACE = Prepared(lambda _: update(_MESSAGES).where(_MESSAGES.c.id == bindparam("own")))
_ADOPT = Prepared(
    lambda _: (
        update(_MESSAGES)
        .where(
            _MESSAGES.c.conversation_id == bindparam("conversation"),
            _MESSAGES.c.session_id.is_(None),
        )
        .returning(_MESSAGES.c.id)
    )
)
_COUNT = Prepared(
    lambda _: (
        select(
            _MESSAGES.c.session_id,
            func.count().label("number"),
            func.max(_MESSAGES.c.at).label("newest"),
        )
        .where(
            _MESSAGES.c.session_id == bindparam("session"),
            _MESSAGES.c.kind == "message",
            _MESSAGES.c.state.in_(literals("received", "sent")),
        )
        .group_by(_MESSAGES.c.session_id)
    )
)
_POSITION = (Message.at, Message.number, Message.step)
_RANKS = 10
_CREATED: dict[str, feed.Kind] = {
    "message": "message.created",
    "note": "note.created",
    "draft": "draft.created",
}
_TURNING = ("handover", "returned", "copilot_on", "copilot_off")


def write_words(
    db: Transaction,
    held: Held,
    facts: Sequence[tuple[MessageReceived | NoteAdded, str | None]],
    now: int,
) -> list[dict[str, Any]]:
    """Write messages and notes, each with the session it belongs to (None: before the first).

    Files that we keep are in their message from here on. Returns their rows, for `tell_words`.
    """
    # Before anything is postponed: asking writes that down, and its session may not be there yet.
    attached = [files.claim(db, fact.author.id, fact.attachments) for fact, _ in facts]
    rows = [
        {
            "id": new_id("msg"),
            "conversation_id": held.id,
            "session_id": session_id,
            "external_id": fact.id,
            "kind": "message" if isinstance(fact, MessageReceived) else "note",
            **_author(fact.author),
            "state": "received" if fact.author.kind == "customer" else "sent",
            "text": fact.text,
            "html": fact.html,
            "attachments": [asdict(attachment) for attachment in attachments],
            "redacted": held.forgotten_at is not None and fact.at.at < held.forgotten_at,
            **_at(fact.at),
            "created_at": now,
        }
        for (fact, session_id), attachments in zip(facts, attached, strict=True)
    ]
    for row, attachments in zip(rows, attached, strict=True):
        _WRITE.later(db, row)
        files.bind(db, attachments, held.id, row["id"], now)
    return rows


def tell_words(
    db: Transaction, rows: Sequence[dict[str, Any]], untold: Collection[str] | None
) -> None:
    """Tell others of words that were written, except of those in `untold` (None: of none)."""
    if untold is not None:
        for row in rows:
            if row["external_id"] not in untold:
                _tell_created(db, row)


def write_markers(
    db: Transaction, held: Held, markers: Sequence[tuple[Marker, str | None]], now: int
) -> None:
    """Write the lines between messages; the same marker again changes nothing."""
    rows = [
        {
            "id": new_id("msg"),
            "conversation_id": held.id,
            "session_id": session_id,
            "external_id": _MARKER + marker.id,
            "kind": "marker",
            **_author(Actor(kind="system")),
            "state": "received",
            "text": "",
            "html": "",
            "attachments": [],
            "redacted": False,
            **_says(marker),
            "created_at": now,
        }
        for marker, session_id in markers
    ]
    for row in rows:
        _WRITE.later(db, row)


def write_own(
    db: Transaction,
    held: Held,
    *,
    session_id: str,
    kind: str,
    author: Actor,
    text: str,
    html: str,
    state: str,
    now: int,
    index: int = 0,
    why: str | None = None,
    at: Position | None = None,
    attachments: Sequence[Attachment] = (),
) -> str:
    """Write words of ours that the channel has not told us back yet; return the message's id.

    `at` is their place where no channel gives them another; they are their own fact then.
    """
    message_id = new_id("msg")
    attached = files.claim(db, author.id, attachments)
    # They come last until the channel says where they stand, or it is known that they never will.
    place = _at(at or Position(now + UNPLACED if state == "owed" else now, index))
    row = {
        "id": message_id,
        "conversation_id": held.id,
        "session_id": session_id,
        "kind": kind,
        **_author(author),
        "state": state,
        "text": text,
        "html": html,
        "attachments": [asdict(attachment) for attachment in attached],
        "redacted": False,
        "why": why,
        "external_id": message_id if at else None,
        **place,
        "created_at": now,
    }
    _WRITE.later(db, row)
    files.bind(db, attached, held.id, message_id, now)
    if state != "discarded":  # it was never meant for anybody
        _tell_created(db, row)
    return message_id


def place_own(
    db: Transaction, held: Held, message_id: str, external_id: str, at: Position, now: int
) -> None:
    """Give words of ours the id and place that the channel gave them.

    If their echo was taken for somebody else's words before, that line goes.
    """
    named = {"conversation": held.id, "external": external_id, "own": message_id}
    _FORGET_ECHO.later(db, named)
    placed = {"own": message_id, "external_id": external_id, "state": "sent", "why": None}
    _PLACE.later(db, {**placed, **_at(at)})
    feed.UPDATED.later(db, {"message": message_id, "told_at": now})


def set_state(
    db: Transaction, message_ids: Sequence[str], state: str, now: int, why: str | None = None
) -> None:
    """Move owed words of ours to another state, with the reason."""
    if message_ids:
        feed.tell_updated(db, Message.id.in_(message_ids), now)
        db.execute(
            update(Message)
            .where(Message.id.in_(message_ids))
            .values(
                state=state,
                why=why,
                at=case((Message.at >= UNPLACED, Message.created_at), else_=Message.at),
            )
        )


def discarding(message_ids: Select[tuple[str | None]]) -> Update:
    """A statement that discards the owed words that a query names; its parameter `why` says why."""
    unplaced = case((_MESSAGES.c.at >= UNPLACED, _MESSAGES.c.created_at), else_=_MESSAGES.c.at)
    return (
        update(_MESSAGES)
        .where(_MESSAGES.c.id.in_(message_ids))
        .values(state=literals("discarded")[0], at=unplaced)
    )


def replace_markers(
    db: Transaction, held: Held, markers: Sequence[tuple[Marker, str | None]], now: int
) -> None:
    """After a conversation was folded again: exactly these markers in these words, no others."""
    says = {_MARKER + marker.id: _says(marker) for marker, _ in markers}
    columns = (Message.data, *_POSITION)
    known = db.execute(
        select(Message.id, Message.external_id, *columns).where(
            Message.conversation_id == held.id, Message.kind == "marker"
        )
    ).all()
    stale = [row.id for row in known if row.external_id not in says]
    if stale:
        db.execute(delete(Message).where(Message.id.in_(stale)))
    for row in known:
        now_says = says.get(row.external_id)
        # Who assigned whom may only be known since something earlier came to light.
        if now_says and any(row._mapping[name] != value for name, value in now_says.items()):
            db.execute(update(Message).where(Message.id == row.id).values(now_says))
    write_markers(db, held, markers, now)


def rehome(db: Transaction, held: Held, sessions: Sequence[tuple[str, Position]]) -> None:
    """After the cuts moved: put every line into the session whose stretch it lies in.

    `sessions` are ids with the positions at which they open, in order. Words of ours that the
    channel has not placed yet stay where they were said.
    """
    for index, (session_id, opens) in enumerate(sessions):
        within: list[ColumnElement[bool]] = []
        if index:
            within.append(tuple_(*_POSITION) >= tuple_(*_at(opens).values()))
        if index + 1 < len(sessions):
            within.append(tuple_(*_POSITION) < tuple_(*_at(sessions[index + 1][1]).values()))
        db.execute(
            update(Message)
            .where(
                Message.conversation_id == held.id,
                Message.external_id.is_not(None),
                or_(Message.session_id.is_(None), Message.session_id != session_id),
                *within,
            )
            .values(session_id=session_id)
        )


def adopt_early(db: Transaction, held: Held, session_id: str) -> bool:
    """Give the first session what was said before it opened; True if there was anything."""
    adopted = {"conversation": held.id, "session_id": session_id}
    return bool(_ADOPT.run(db, adopted))


def session_at(db: Transaction, held: Held, at: Position) -> str | None:
    """The session whose stretch holds the position; the first one for anything earlier."""
    opens = (ChatSession.opened_at, ChatSession.opened_number, ChatSession.opened_step)
    mine = select(ChatSession.id).where(ChatSession.conversation_id == held.id)
    found = db.scalar(
        mine.where(tuple_(*opens) <= tuple_(*at))
        .order_by(*(column.desc() for column in opens))
        .limit(1)
    )
    return found or db.scalar(mine.order_by(*opens).limit(1))


def told_after(db: Transaction, session_id: str, at: Position) -> bool:
    """True if a later word of the customer's than the one at `at` was told to the AI."""
    later = select(Message.id).where(
        Message.session_id == session_id,
        Message.author_kind == "customer",
        Message.asked_in.is_not(None),
        tuple_(*_POSITION) > tuple_(*_at(at).values()),
    )
    return db.scalar(later.limit(1)) is not None


def is_untold(db: Transaction, session_id: str) -> bool:
    """True if the customer said something that the AI was never told of."""
    words = select(Message.id).where(
        Message.session_id == session_id,
        Message.kind == "message",
        Message.author_kind == "customer",
        Message.asked_in.is_(None),
    )
    return db.scalar(words.limit(1)) is not None


def count(db: Transaction, session_ids: Sequence[str]) -> dict[str, tuple[int, int | None]]:
    """Per session: how many messages were said in public, and when the last one was."""
    found = _COUNT.ask_all(db, [{"session": session_id} for session_id in session_ids])
    return {row.session_id: (row.number, row.newest) for row in found()}


def count_again(db: Transaction, session_id: str) -> None:
    """Count a session's public words anew."""
    number, newest = count(db, [session_id]).get(session_id, (0, None))
    db.execute(
        update(ChatSession)
        .where(ChatSession.id == session_id)
        .values(message_count=number, last_message_at=newest)
    )


def _tell_created(db: Transaction, row: dict[str, Any]) -> None:
    feed.tell(
        db, _CREATED[row["kind"]], at=row["created_at"], session_id=row["session_id"],
        conversation_id=row["conversation_id"], message_id=row["id"],
    )  # fmt: skip


def _author(author: Actor) -> dict[str, Any]:
    return {"author_kind": author.kind, "author_id": author.id, "author_name": author.name}


def _says(marker: Marker) -> dict[str, Any]:
    """Columns of what a marker tells, and where."""
    return {
        "data": {
            "kind": marker.kind,
            "by": asdict(marker.by),
            "whom": marker.whom,
            "moment": marker.moment,
        },
        **_at(marker.at, 1 if marker.kind in _TURNING else 2),
    }


def _at(at: Position, rank: int = 0) -> dict[str, int]:
    """Columns of a place in the history; `rank` orders what one fact leaves there."""
    return {"at": at.at, "number": at.number, "step": at.step * _RANKS + rank}
