"""Lists of sessions as files: streamed, so that long ones begin at once and take no memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from gateway.rails.spreadsheets import csv_lines
from gateway.reading.cursors import MAX_LIMIT
from gateway.reading.sessions import Json, Refusal, SessionFilter, find_sessions
from gateway.store import Database

Form = Literal["csv", "json"]

COLUMNS = (
    "id", "agent", "channel", "conversation", "responsible", "responsible_kind", "user", "email",
    "started_at", "last_message_at", "finished_at", "messages", "status", "mode",
    "handover_trigger", "handover_reason", "rating", "parameters", "results",
)  # fmt: skip


def every_session(database: Database, wanted: SessionFilter, refusal: Refusal) -> Iterator[Json]:
    """Every session of a list, the newest first, read in portions.

    No transaction is open while whoever asks takes their time.
    """
    cursor: str | None = None
    while True:
        with database.read() as db:
            page = find_sessions(db, wanted, refusal=refusal, limit=MAX_LIMIT, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def as_csv(sessions: Iterator[Json]) -> Iterator[str]:
    """A table with a head; a session is one row of it."""
    return csv_lines(COLUMNS, map(_row, sessions))


def as_json(sessions: Iterator[Json]) -> Iterator[bytes]:
    """A list as the API has it, a session on each line."""
    yield b'{"items": ['
    before = b"\n"
    for session in sessions:
        yield before + msgspec.json.encode(_plain(session))
        before = b",\n"
    yield b"\n]}\n"


def _plain(session: Json) -> Json:
    """Without what is true of the reader alone."""
    return {name: value for name, value in session.items() if name != "handover"}


def _row(session: Json) -> list[Any]:
    contact = session["contact"] or {}
    handover = session["last_handover"] or {}
    rating = session["rating"] or {}
    return [
        session["id"], session["agent"], session["channel"], session["conversation"],
        session["responsible"]["name"], session["responsible"]["kind"], contact.get("name"),
        contact.get("email"), session["started_at"], session["last_message_at"],
        session["finished_at"], session["message_count"], session["status"], session["mode"],
        handover.get("trigger"), handover.get("reason"), rating.get("score"),
        session["parameters"] or None, session["results"] or None,
    ]  # fmt: skip
