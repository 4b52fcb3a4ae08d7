"""Events as others get them: what the journal tells of, put into words from the record of now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol

from sqlalchemy import bindparam, select

from gateway.reading.avatars import ask_avatars
from gateway.reading.cursors import to_time
from gateway.reading.messages import ask_lines, line_to_json, people_of_lines
from gateway.reading.names import ask_names
from gateway.reading.sessions import (
    Json,
    Refusal,
    ask_sessions,
    holders_of_sessions,
    people_of_sessions,
    session_to_json,
)
from gateway.store import Transaction
from gateway.store.models import Contact
from gateway.store.prepared import Prepared

SEEN_BY_CUSTOMERS = frozenset(
    (
        "session.started", "session.handed_over", "session.assigned", "session.returned",
        "session.finished", "session.updated", "session.read", "session.rated",
        "message.created", "message.updated",
    )
)  # fmt: skip
"""What may change what a customer sees."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_WORDS = ("message", "note", "draft")


class Happened(Protocol):
    """A row of the journal, or a copy of one."""

    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def contact_id(self) -> str | None: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How events are put into words: for whom handovers are allowed, and in which time zone."""

    refusal: Refusal
    zone: tzinfo


def event_id(row_id: int, happened: Happened) -> str:
    """The event's id, the same each time that it is told.

    Made of what it is, so that a journal which begins anew (a fresh database, an old backup) does
    not give the ids of other events.
    """
    what = (row_id, happened.at, happened.kind, happened.session_id, happened.message_id)
    number = int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:16])
    return "evt_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def put_into_words(
    db: Transaction, several: Sequence[tuple[str, Happened]], wording: Wording
) -> list[Json | None]:
    """Each of these (id, event) as JSON; None for what the record has no more.

    Words are given under the name that their line has now, or not at all: what became a note is
    never told as a message.
    """
    happened = [one for _, one in several]
    with db.in_one_trip():
        asked_lines = ask_lines(db, {one.message_id for one in happened if one.message_id})
        asked_sessions = ask_sessions(db, {one.session_id for one in happened if one.session_id})
        asked_contacts = _ask_contacts(db, {one.contact_id for one in happened if one.contact_id})
    line_rows, session_rows = asked_lines(), asked_sessions()
    with db.in_one_trip():
        people = people_of_lines(line_rows) + people_of_sessions(session_rows)
        asked_names = ask_names(db, people)
        asked_avatars = ask_avatars(db, holders_of_sessions(session_rows))
    names, avatars = asked_names(), asked_avatars()
    lines = {row.id: line_to_json(row, names, wording.zone) for row in line_rows}
    sessions = {
        row.id: session_to_json(row, names, avatars, wording.refusal) for row in session_rows
    }
    contacts = {row.id: _contact(row) for row in asked_contacts()}
    told: list[Json | None] = []
    for id, one in several:
        data = _data(one, sessions, lines, contacts)
        told.append(
            None
            if data is None
            else {"id": id, "type": one.kind, "timestamp": to_time(one.at), "data": data}
        )
    return told


def _data(
    one: Happened,
    sessions: Mapping[str, Json],
    lines: Mapping[str, Json],
    contacts: Mapping[str, Json],
) -> Json | None:
    about = one.kind.partition(".")[0]
    session = sessions.get(one.session_id or "")
    if about == "session":
        return None if session is None else {"session": session, **(one.data or {})}
    if about in _WORDS:
        line = lines.get(one.message_id or "")
        if line is None or line["kind"] != about:
            return None
        return {"session": session, "message": line, **(one.data or {})}
    contact = contacts.get(one.contact_id or "")
    return None if contact is None else {"contact": contact, **(one.data or {})}


def _ask_contacts(db: Transaction, ids: set[str]) -> Callable[[], list[Any]]:
    return _CONTACT.ask_all(db, [{"key": id} for id in sorted(ids)])


def _contact(row: Any) -> Json:
    return {
        "id": row.standing,
        "name": row.name,
        "email": row.email,
        "phone": row.phone,
        "external_id": row.external_id,
        "level": row.level,
        "verified": row.verified,
    }


_CONTACT = Prepared(
    lambda _: (
        select(
            Contact.id, Contact.standing_id().label("standing"), Contact.name, Contact.email,
            Contact.phone, Contact.external_id, Contact.level, Contact.verified,
        ).where(Contact.id == bindparam("key"))
    )
)  # fmt: skip
