"""A session's history as pages show it: the newest lines, kept live, and earlier ones on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Response, request

from gateway.console.rooms import EVERYBODY, Pages
from gateway.rails.parsing import checked_id
from gateway.reading.cursors import MAX_LIMIT
from gateway.reading.messages import find_latest, find_messages
from gateway.reading.sessions import Json
from gateway.store import Transaction

LINES = 100
"""So many lines a page opens with, and so many earlier ones come at a time."""

_GOES_ON = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the history. `day`: it is the first of that day; `goes_on`: its author spoke just
    before, so they need not be named again."""

    told: Json
    day: str = ""
    goes_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Lines of a session; `start` is the place before the first one, None at the very beginning."""

    session_id: str
    lines: Sequence[Line]
    start: str | None


class Histories:
    """Reads histories for pages."""

    def __init__(self, pages: Pages) -> None:
        self._zone = pages.parts.settings.workspace.zone

    def latest(self, db: Transaction, session_id: str, before: str | None = None) -> History:
        """The newest lines, or the newest up to a place. Raises NotFound, Unreadable."""
        found = find_latest(db, session_id, zone=self._zone, limit=LINES, before=before)
        return History(
            session_id=session_id, lines=list(self._arranged(found.items)), start=found.start
        )

    def since(self, db: Transaction, session_id: str, start: str | None) -> History:
        """The lines from a place on: those a page shows already, as they are now, and newer ones.

        Of a page that has been open for very long only the newest ones.
        """
        page = find_messages(db, session_id, zone=self._zone, limit=MAX_LIMIT, cursor=start)
        if page.next_cursor is not None:
            return self.latest(db, session_id)
        return History(session_id=session_id, lines=list(self._arranged(page.items)), start=start)

    def _arranged(self, items: Iterable[Json]) -> Iterable[Line]:
        day, before = "", None
        for told in items:
            at = datetime.fromisoformat(told["occurred_at"]).astimezone(self._zone)
            today = f"{at.day} {at:%b %Y}"
            yield Line(
                told=told,
                day=today if today != day else "",
                goes_on=today == day and before is not None and _goes_on(before, told),
            )
            day, before = today, told


def _goes_on(before: Json, told: Json) -> bool:
    same: Any = ("kind", "author")
    between = datetime.fromisoformat(told["occurred_at"]) - datetime.fromisoformat(
        before["occurred_at"]
    )
    return (
        told["kind"] in ("message", "note")
        and all(before[name] == told[name] for name in same)
        and "discarded" not in (before["state"], told["state"])
        and between < _GOES_ON
    )


def add_history_parts(pages: Pages) -> None:
    """Add the doors from which pages read a history anew, and further back."""
    histories = Histories(pages)
    database = pages.parts.database

    @pages.page("/parts/history/<session_id>", roles=EVERYBODY)
    def history_part(session_id: str) -> Response:
        """`after`: the lines from there on (all, if empty); `before`: earlier ones."""
        session_id = checked_id("ses", session_id)
        before = request.args.get("before")
        with database.read() as db:
            history = (
                histories.latest(db, session_id, before)
                if before
                else histories.since(db, session_id, request.args.get("after") or None)
            )
        part = "earlier" if before else "lines"
        return pages.render(
            f"parts/{part}.html", history=history, desk=request.args.get("desk") == "1"
        )
