"""The history of a session: messages, markers, notes and drafts, the oldest first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, select, tuple_

from gateway.errors import NotFound
from gateway.reading.attachments import attachment_to_json
from gateway.reading.cursors import DEFAULT_LIMIT, to_time
from gateway.reading.markers import marker_text
from gateway.reading.names import Names, Person, find_names
from gateway.reading.places import POSITION, cursor_at, page_of, place_of
from gateway.reading.sessions import Json, Page
from gateway.store import Transaction
from gateway.store.models import UNPLACED, ChatSession, Conversation, Draft, Message, Push
from gateway.store.prepared import Prepared

_WHOM = {"assigned": "operator", "assigned_team": "team", "assigned_bot": "bot"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The end of a history. `start` is the place right before its first line, None where the
    history begins: lines after it are `find_messages(cursor=start)`, those up to it
    `find_latest(before=start)`."""

    items: Sequence[Json]
    start: str | None


def find_messages(
    db: Transaction,
    session_id: str,
    *,
    zone: tzinfo,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page:
    """A page of a session's history. Raises NotFound, and Unreadable for a foreign cursor."""
    installation = _installation_of(db, session_id)
    query = _query().where(Message.session_id == session_id)
    if cursor is not None:
        query = query.where(tuple_(*POSITION) > tuple_(*place_of(cursor)))
    page, following = page_of(db, query.order_by(*POSITION), limit)
    return Page(items=_to_json(db, installation, page, zone), next_cursor=following)


def find_latest(
    db: Transaction,
    session_id: str,
    *,
    zone: tzinfo,
    limit: int = DEFAULT_LIMIT,
    before: str | None = None,
) -> Latest:
    """The newest lines of a session's history, or the newest `before` a place; the oldest first.

    Raises NotFound, and Unreadable for a foreign place.
    """
    installation = _installation_of(db, session_id)
    query = _query().where(Message.session_id == session_id)
    if before is not None:
        query = query.where(tuple_(*POSITION) <= tuple_(*place_of(before)))
    newest_first = [column.desc() for column in POSITION]
    rows = db.execute(query.order_by(*newest_first).limit(limit + 1)).all()
    page = rows[:limit][::-1]
    start = cursor_at(rows[limit]) if len(rows) > limit else None
    return Latest(items=_to_json(db, installation, page, zone), start=start)


def find_message(db: Transaction, message_id: str, *, zone: tzinfo) -> Json:
    """One line of the history; raise NotFound."""
    rows = db.execute(_query().where(Message.id == message_id)).all()
    if not rows:
        raise NotFound("there is no such message")
    installation = db.scalar(
        select(Conversation.installation_id)
        .join(Message, Message.conversation_id == Conversation.id)
        .where(Message.id == message_id)
    )
    return _to_json(db, installation or "", rows, zone)[0]


def ask_lines(db: Transaction, ids: Collection[str]) -> Callable[[], list[Any]]:
    """Ask for these lines; return how to get the rows of those that there are."""
    return _BY_ID.ask_all(db, [{"key": id} for id in sorted(ids)])


def people_of_lines(rows: Sequence[Any]) -> list[Person]:
    """Everybody who is named in what `ask_lines` got."""
    return [person for row in rows for person in _people(row.installation, row)]


def line_to_json(row: Any, names: Names, zone: tzinfo) -> Json:
    """What `ask_lines` got, as the API tells it."""
    return _message(row, row.installation, names, zone)


def _installation_of(db: Transaction, session_id: str) -> str:
    installation = db.scalar(
        select(Conversation.installation_id)
        .join(ChatSession, ChatSession.conversation_id == Conversation.id)
        .where(ChatSession.id == session_id)
    )
    if installation is None:
        raise NotFound("there is no such session")
    return installation


def _query() -> Select[*tuple[Any, ...]]:
    columns = (
        Message.id, Message.kind, Message.author_kind, Message.author_id, Message.author_name,
        Message.text, Message.html, Message.attachments, Message.data, Message.state, Message.why,
        Message.at, Message.number, Message.step, Message.external_id,
        Push.id.label("push_id"), Push.state.label("push_state"), Push.error.label("push_error"),
        Push.tries.label("push_tries"), Push.overlapped.label("push_overlapped"),
        Draft.state.label("draft_state"), Draft.sent_as.label("draft_sent_as"),
        Draft.ended_by.label("draft_ended_by"), Draft.ended_at.label("draft_ended_at"),
    )  # fmt: skip
    # Words are owed under their own id as the cause; there is an index on this pair.
    owed = and_(Push.conversation_id == Message.conversation_id, Push.cause == Message.id)
    draft = Draft.message_id == Message.id
    return select(*columns).outerjoin(Push, owed).outerjoin(Draft, draft)


_BY_ID = Prepared(
    lambda _: (
        _query()
        .join(Conversation, Conversation.id == Message.conversation_id)
        .add_columns(Conversation.installation_id.label("installation"))
        .where(Message.id == bindparam("key"))
    )
)


def _to_json(
    db: Transaction, installation: str, rows: Sequence[Row[*tuple[Any, ...]]], zone: tzinfo
) -> list[Json]:
    people = [person for row in rows for person in _people(installation, row)]
    names = find_names(db, people)
    return [_message(row, installation, names, zone) for row in rows]


def _people(installation: str, row: Row[*tuple[Any, ...]]) -> list[Person]:
    people = [Person(installation, row.author_kind, row.author_id)]
    if row.draft_ended_by:
        people.append(Person(installation, "operator", row.draft_ended_by))
    if row.data:
        by, whom = row.data["by"], _WHOM.get(row.data["kind"])
        people.append(Person(installation, by["kind"], by["id"]))
        if whom:
            people.append(Person(installation, whom, row.data["whom"]))
    return people


def _message(row: Row[*tuple[Any, ...]], installation: str, names: Names, zone: tzinfo) -> Json:
    text, external_id, happened_at = row.text, row.external_id, row.at % UNPLACED
    if row.data:

        def name_of(kind: str, id: str | None, stored: str | None) -> str:
            return names.name(Person(installation, kind, id), stored)

        text = marker_text(row.data, name_of, zone)
        external_id = None  # a name of our own making, not the channel's
        happened_at = row.data["moment"] or row.at
    author = Person(installation, row.author_kind, row.author_id)
    return {
        "id": row.id,
        "kind": row.kind,
        "author": {
            "kind": row.author_kind,
            "id": row.author_id,
            "name": names.name(author, row.author_name),
        },
        "text": text,
        "html": row.html,
        "attachments": [attachment_to_json(one) for one in row.attachments],
        "state": row.state,
        "why": row.why,
        "occurred_at": to_time(happened_at),
        "external_id": external_id,
        "delivery": _delivery(row),
        "draft": _draft(row, installation, names),
    }


def _draft(row: Row[*tuple[Any, ...]], installation: str, names: Names) -> Json | None:
    if row.draft_state is None:
        return None
    by = row.draft_ended_by
    return {
        "state": row.draft_state,
        "sent_as": row.draft_sent_as,
        "ended_at": to_time(row.draft_ended_at),
        "ended_by": by,
        "ended_by_name": names.name(Person(installation, "operator", by)) if by else None,
    }


def _delivery(row: Row[*tuple[Any, ...]]) -> Json | None:
    if row.push_id is None:
        return None
    return {
        "state": row.push_state,
        "error": row.push_error,
        "attempts": row.push_tries,
        "overlapped": row.push_overlapped,
    }
