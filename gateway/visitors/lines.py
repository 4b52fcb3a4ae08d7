"""The lines of a history that its customer may see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, tuple_

from gateway import feed
from gateway.channels.webwidget.talk import MOST_LINES, Line, MarkerKind
from gateway.events import Attachment
from gateway.reading.events import SEEN_BY_CUSTOMERS
from gateway.reading.places import POSITION
from gateway.store import Transaction
from gateway.store.models import UNPLACED, Message, Operator, OperatorAvatar

_MARKERS: dict[str, MarkerKind] = {
    "handover": "handover",
    "assigned": "joined",
    "returned": "returned",
    "finished": "finished",
}


def may_be_seen() -> ColumnElement[bool]:
    said = (Message.kind == "message") & Message.state.in_(("received", "sent"))
    marked = (Message.kind == "marker") & Message.data["kind"].as_string().in_(tuple(_MARKERS))
    return or_(said, marked)


def lines() -> Select[*tuple[Any, ...]]:
    return select(
        *POSITION, Message.external_id, Message.author_kind, Message.author_id, Message.author_name,
        Message.text, Message.html, Message.attachments, Message.data, Message.state,
        Message.redacted,
    )  # fmt: skip


def newest(
    db: Transaction, session_id: str, before: tuple[Any, ...] | None
) -> tuple[Sequence[Line], bool]:
    """The newest lines, or the newest before a place, in order; True if there are earlier ones."""
    query = lines().where(Message.session_id == session_id, may_be_seen())
    if before is not None:
        query = query.where(tuple_(*POSITION) < tuple_(*before))
    order = (column.desc() for column in POSITION)
    rows = db.execute(query.order_by(*order).limit(MOST_LINES + 1)).all()
    return to_lines(db, rows[:MOST_LINES][::-1]), len(rows) > MOST_LINES


def changed(db: Transaction, session_id: str, rows: Sequence[feed.Told]) -> Sequence[Line]:
    """The lines that the journal tells of, and markers if the session changed, in order."""
    ids = {row.message_id for row in rows if row.message_id and row.kind in SEEN_BY_CUSTOMERS}
    which: list[ColumnElement[bool]] = [Message.id.in_(sorted(ids))] if ids else []
    if any(row.kind.startswith("session.") and row.kind in SEEN_BY_CUSTOMERS for row in rows):
        which.append(Message.kind == "marker")  # nothing tells of them by themselves
    if not which:
        return ()
    query = lines().where(Message.session_id == session_id, may_be_seen(), or_(*which))
    return to_lines(db, db.execute(query.order_by(*POSITION)).all())


def to_lines(db: Transaction, rows: Sequence[Any]) -> list[Line]:
    lines = [_to_line(row) for row in rows]
    people = _people(db, {id for id in map(_whom, rows) if id})
    return [
        line if (known := people.get(_whom(row) or "")) is None
        else replace(line, name=known[0], picture=known[1] if line.marker is None else None)
        for line, row in zip(lines, rows, strict=True)
    ]  # fmt: skip


def _to_line(row: Any) -> Line:
    marker = _MARKERS[row.data["kind"]] if row.data else None
    # Only people have names here; what others are called is the deployment's to say.
    named = row.author_kind in ("operator", "bot")
    return Line(
        id=row.id,
        external_id=None if marker else row.external_id,
        author=row.author_kind,
        name=row.author_name if named else None,
        picture=None,
        text=row.text,
        html=row.html,
        attachments=[Attachment(**one) for one in row.attachments],
        state=row.state,
        at=(row.data["moment"] if row.data else 0) or row.at % UNPLACED,
        marker=marker,
        redacted=row.redacted,
    )


def _whom(row: Any) -> str | None:
    """The operator whom a line is by, or about."""
    if row.data:
        return row.data["whom"] if row.data["kind"] == "assigned" else None
    return row.author_id if row.author_kind == "operator" else None


def _people(db: Transaction, ids: Collection[str]) -> dict[str, tuple[str, str | None]]:
    """The names and pictures of operators."""
    if not ids:
        return {}
    rows = db.execute(
        select(Operator.id, Operator.name, OperatorAvatar.shown_as)
        .outerjoin(OperatorAvatar, OperatorAvatar.operator_id == Operator.id)
        .where(Operator.id.in_(sorted(ids)))
    )
    return {row[0]: (row[1], row[2]) for row in rows}
