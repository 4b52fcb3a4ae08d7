"""Sessions as people see them: the list with its filters, and one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, Select, and_, bindparam, select

from gateway.clock import to_micros
from gateway.errors import NotFound
from gateway.reading.avatars import Avatars, ask_avatars
from gateway.reading.choosing import NEWEST, Key, SessionFilter, choose
from gateway.reading.cursors import DEFAULT_LIMIT, from_cursor, to_cursor, to_time
from gateway.reading.names import Names, Person, ask_names
from gateway.store import Transaction
from gateway.store.models import (
    ChatSession,
    Contact,
    Conversation,
    Offer,
    Rating,
    ReadMark,
)
from gateway.store.prepared import Prepared

__all__ = [
    "SessionFilter",
    "ask_sessions",
    "count_newer",
    "find_session",
    "find_sessions",
    "holders_of_sessions",
    "people_of_sessions",
    "place_of",
    "session_to_json",
    "sessions_by_id",
]

Json = dict[str, Any]
Refusal = Callable[[str, str], str | None]
"""Status and mode of a session → why the reader may not hand it over; None if they may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some items of a list, and where the next ones begin."""

    items: Sequence[Json]
    next_cursor: str | None = None

    def to_json(self) -> Json:
        """The list as every door gives it."""
        return {"items": list(self.items), "next_cursor": self.next_cursor}


def find_sessions(
    db: Transaction,
    wanted: SessionFilter,
    *,
    refusal: Refusal,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
    start: str | None = None,
) -> Page:
    """A page of sessions, the newest first. Raises Unreadable for a foreign cursor.

    `start` is the `place_of` a session: what has come before it meanwhile is left out.

    The cursor names the last row seen, so sessions that open meanwhile move nothing. A page of a
    search may hold fewer than `limit`, even none, and yet have a next one.
    """
    chosen = choose(db, wanted, limit=limit, after=_key(cursor), start=_key(start))
    items: list[Json] = []
    if chosen.ids:
        rows = db.execute(
            sessions_query().where(ChatSession.id.in_(chosen.ids)).order_by(*NEWEST)
        ).all()
        items = rows_to_json(db, rows, refusal)
    following = to_cursor(chosen.following) if chosen.following is not None else None
    return Page(items=items, next_cursor=following)


def place_of(session: Json) -> str:
    """Where a session stands in the list."""
    return to_cursor((to_micros(datetime.fromisoformat(session["started_at"])), session["id"]))


def count_newer(db: Transaction, wanted: SessionFilter, place: str, *, most: int) -> int:
    """How many sessions stand before a place by now, `most` at most. Raises Unreadable."""
    return len(choose(db, wanted, limit=most, newer_than=_key(place)).ids)


def _key(cursor: str | None) -> Key | None:
    if cursor is None:
        return None
    return cast(Key, tuple(from_cursor(cursor, (int, str))))


def find_session(db: Transaction, session_id: str, *, refusal: Refusal) -> Json:
    """One session; raise NotFound."""
    rows = _BY_ID.run(db, {"key": session_id})
    if not rows:
        raise NotFound("there is no such session")
    return rows_to_json(db, rows, refusal)[0]


def sessions_by_id(db: Transaction, ids: Collection[str], *, refusal: Refusal) -> dict[str, Json]:
    """Those of these sessions that there are, by id."""
    if not ids:
        return {}
    rows = ask_sessions(db, ids)()
    return {session["id"]: session for session in rows_to_json(db, rows, refusal)}


def ask_sessions(db: Transaction, ids: Collection[str]) -> Callable[[], list[Any]]:
    """Ask for these sessions; return how to get the rows of those that there are."""
    return _BY_ID.ask_all(db, [{"key": id} for id in sorted(ids)])


def sessions_query() -> Select[*tuple[Any, ...]]:
    """What `rows_to_json` needs of sessions, all of them."""
    return (
        select(
            ChatSession.id, ChatSession.status, ChatSession.mode, ChatSession.channel,
            ChatSession.agent, ChatSession.responsible_kind, ChatSession.responsible_id,
            ChatSession.responsible_name, ChatSession.responsible_team, ChatSession.parameters,
            ChatSession.results, ChatSession.epoch, ChatSession.waiting_since,
            ChatSession.opened_at, ChatSession.finished_at, ChatSession.last_message_at,
            ChatSession.message_count, ChatSession.handover, ChatSession.wait_step,
            ChatSession.wait_since, ChatSession.wait_due, ChatSession.wait_rung,
            Offer.operator_id.label("offered_to"), Offer.until.label("offered_until"),
            Conversation.external_id.label("conversation"),
            Conversation.installation_id.label("installation"),
            Contact.standing_id().label("contact_id"), Contact.name.label("contact_name"),
            Contact.email.label("contact_email"), Contact.verified.label("contact_verified"),
            ReadMark.message_id.label("read_message"), ReadMark.read_at,
            Rating.score, Rating.comment, Rating.rated_at,
        )
        .join(Conversation, Conversation.id == ChatSession.conversation_id)
        .outerjoin(Contact, and_(Contact.id == Conversation.contact_id, Contact.is_known()))
        .outerjoin(Offer, and_(Offer.session_id == ChatSession.id, Offer.state == "open"))
        .outerjoin(
            ReadMark, and_(ReadMark.session_id == ChatSession.id, ReadMark.side == "customer")
        )
        .outerjoin(Rating, Rating.session_id == ChatSession.id)
    )  # fmt: skip


_BY_ID = Prepared(lambda _: sessions_query().where(ChatSession.id == bindparam("key")))


# -- as JSON -------------------------------------------------------------------------------------


def rows_to_json(
    db: Transaction, rows: Sequence[Row[*tuple[Any, ...]]], refusal: Refusal
) -> list[Json]:
    """Rows of `sessions_query` as the API tells them."""
    with db.in_one_trip():
        asked_names = ask_names(db, people_of_sessions(rows))
        asked_avatars = ask_avatars(db, holders_of_sessions(rows))
    names, avatars = asked_names(), asked_avatars()
    return [session_to_json(row, names, avatars, refusal) for row in rows]


def people_of_sessions(rows: Sequence[Row[*tuple[Any, ...]]]) -> list[Person]:
    """Everybody who is named in these rows."""
    return [person for row in rows for person in _people(row)]


def holders_of_sessions(rows: Sequence[Row[*tuple[Any, ...]]]) -> list[Person]:
    """Those who hold these sessions, and are shown with an avatar."""
    return [_holder(row) for row in rows]


def _holder(row: Row[*tuple[Any, ...]]) -> Person:
    return Person(row.installation, row.responsible_kind, row.responsible_id)


def _people(row: Row[*tuple[Any, ...]]) -> list[Person]:
    people = [
        _holder(row),
        Person(row.installation, "team", row.responsible_team),
        Person(row.installation, "operator", row.offered_to),
    ]
    if row.handover:
        by = row.handover["by"]
        people.append(Person(row.installation, by["kind"], by["id"]))
    return people


def session_to_json(
    row: Row[*tuple[Any, ...]], names: Names, avatars: Avatars, refusal: Refusal
) -> Json:
    """A row of `sessions_query` as the API tells it."""
    reason = refusal(row.status, row.mode)
    return {
        "id": row.id,
        "status": row.status,
        "mode": row.mode,
        "channel": row.channel,
        "conversation": row.conversation,
        "contact": _contact(row),
        "agent": row.agent,
        "responsible": _responsible_json(row, names, avatars),
        "parameters": row.parameters,
        "results": row.results,
        "epoch": row.epoch,
        "waiting_since": to_time(row.waiting_since),
        "wait": _wait(row),
        "offer": _offer(row, names),
        "started_at": to_time(row.opened_at),
        "finished_at": to_time(row.finished_at),
        "last_message_at": to_time(row.last_message_at),
        "message_count": row.message_count,
        "customer_read": _read(row),
        "rating": _rating(row),
        "last_handover": _handover(row, names),
        "handover": {"allowed": reason is None, "reason": reason},
    }


def _read(row: Row[*tuple[Any, ...]]) -> Json | None:
    if row.read_message is None:
        return None
    return {"message_id": row.read_message, "at": to_time(row.read_at)}


def _rating(row: Row[*tuple[Any, ...]]) -> Json | None:
    if row.score is None:
        return None
    return {
        "score": row.score,
        "comment": row.comment or None,
        "rated_at": to_time(row.rated_at),
    }


def _wait(row: Row[*tuple[Any, ...]]) -> Json | None:
    if row.wait_step is None:
        return None
    return {
        "step": row.wait_step,
        "since": to_time(row.wait_since),
        "due_at": to_time(row.wait_due),
        "overdue": bool(row.wait_rung),
    }


def _offer(row: Row[*tuple[Any, ...]], names: Names) -> Json | None:
    if row.offered_to is None:
        return None
    return {
        "operator_id": row.offered_to,
        "name": names.name(Person(row.installation, "operator", row.offered_to)),
        "until": to_time(row.offered_until),
    }


def _contact(row: Row[*tuple[Any, ...]]) -> Json | None:
    if row.contact_id is None:
        return None
    return {
        "id": row.contact_id,
        "name": row.contact_name,
        "email": row.contact_email,
        "verified": row.contact_verified,
    }


def _responsible_json(row: Row[*tuple[Any, ...]], names: Names, avatars: Avatars) -> Json:
    kind, team = row.responsible_kind, row.responsible_team
    if kind == "ai":
        name = "AI"
    elif kind == "unassigned":
        name = "Unassigned"
    else:
        name = names.name(_holder(row), row.responsible_name)
    return {
        "kind": kind,
        "id": row.responsible_id,
        "name": name,
        "team": team,
        "team_name": names.name(Person(row.installation, "team", team)) if team else None,
        "avatar": avatars.of(_holder(row), name),
    }


def _handover(row: Row[*tuple[Any, ...]], names: Names) -> Json | None:
    if not row.handover:
        return None
    by = row.handover["by"]
    return {
        "trigger": row.handover["trigger"],
        "reason": row.handover["reason"],
        "by": {
            "kind": by["kind"],
            "id": by["id"],
            "name": names.name(Person(row.installation, by["kind"], by["id"]), by["name"]),
        },
        "at": to_time(row.handover["at"]),
    }
