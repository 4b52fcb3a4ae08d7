"""Sessions: what goes on and what has been, one of them with its chat, parameters and results."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response, request, stream_with_context
from sqlalchemy import select

from gateway.console.chosen import Chosen
from gateway.console.exports import as_csv, as_json, every_session
from gateway.console.history import Histories
from gateway.console.rooms import EVERYBODY, Pages
from gateway.conversations.doors import MAY_ACT, handover_refusal
from gateway.errors import NotFound
from gateway.rails.parsing import checked_id
from gateway.reading.explaining import find_latest_explanations
from gateway.reading.sessions import (
    Json,
    Page,
    Refusal,
    count_newer,
    find_session,
    find_sessions,
    place_of,
    sessions_by_id,
)
from gateway.store import Transaction
from gateway.store.models import Operator

ROWS = 50
_EXPLAINED = 20
_MOST_NEWER = 100
_LONGEST_CURSOR = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of the list: where it begins, and where it goes on."""

    items: list[Json]
    chosen: Chosen
    cursor: str
    start: str
    next_cursor: str
    searched: bool
    """It is a search that has looked at a part of the sessions only, and may go on."""


def add_session_pages(pages: Pages) -> None:
    """Add the list, one session, and the parts of both that are kept live."""
    database = pages.parts.database
    zone = pages.parts.settings.workspace.zone
    histories = Histories(pages)
    kinds = {name: channel.kind for name, channel in pages.parts.channels.items()}

    def chosen() -> Chosen:
        return Chosen.read(request.args, channels=kinds, agents=pages.parts.agents)

    def refusal() -> Refusal:
        return partial(handover_refusal, pages.operator().role)

    def said(name: str) -> str | None:
        return request.args.get(name, "")[:_LONGEST_CURSOR] or None

    def listed(db: Transaction) -> Listed:
        filters, cursor, start = chosen(), said("cursor"), said("start")
        page = find_sessions(
            db, filters.wanted(zone), refusal=refusal(), limit=ROWS, cursor=cursor, start=start
        )
        return _listed(page, filters, cursor, start)

    def render(template: str, **context: Any) -> Response:
        return pages.render(f"sessions/{template}.html", kinds=kinds, **context)

    @pages.page("/sessions", roles=EVERYBODY, title="Sessions")
    def sessions() -> Response:
        with database.read() as db:
            return render("list", list=listed(db), people=_people(db), open=None, **_choices(pages))

    @pages.page("/sessions/<session_id>", roles=EVERYBODY, title="Sessions")
    def session(session_id: str) -> Response:
        session_id = checked_id("ses", session_id)
        with database.read() as db:
            return render(
                "session",
                open=find_session(db, session_id, refusal=refusal()),
                history=histories.latest(db, session_id),
                list=listed(db),
                people=_people(db),
                **_choices(pages),
            )

    # -- parts that are read again --------------------------------------------------------------

    @pages.page("/sessions/table", roles=EVERYBODY)
    def sessions_table() -> Response:
        """The rows of a page, without what has come before them meanwhile."""
        with database.read() as db:
            return render("table", list=listed(db), open=said("open"))

    @pages.page("/sessions/rows", roles=EVERYBODY)
    def session_rows() -> Response:
        """Some rows as they are now, whether or not the filters still hold for them."""
        ids = request.args.getlist("id")[:ROWS]
        with database.read() as db:
            found = sessions_by_id(db, [checked_id("ses", id) for id in ids], refusal=refusal())
        return render("rows", found=found.values(), chosen=chosen(), open=said("open"))

    @pages.page("/sessions/newer", roles=EVERYBODY)
    def newer_sessions() -> Response:
        """How many sessions would stand before the first row by now."""
        filters, start = chosen(), said("start")
        with database.read() as db:
            number = (
                count_newer(db, filters.wanted(zone), start, most=_MOST_NEWER)
                if start
                else len(find_sessions(db, filters.wanted(zone), refusal=refusal(), limit=1).items)
            )
        return render("newer", number=number, most=_MOST_NEWER, chosen=filters)

    def part(session_id: str, template: str) -> Response:
        session_id = checked_id("ses", session_id)
        with database.read() as db:
            found = find_session(db, session_id, refusal=refusal())
        return render(template, open=found)

    @pages.page("/sessions/<session_id>/head", roles=EVERYBODY)
    def session_head(session_id: str) -> Response:
        return part(session_id, "head")

    @pages.page("/sessions/<session_id>/foot", roles=EVERYBODY)
    def session_foot(session_id: str) -> Response:
        return part(session_id, "foot")

    @pages.page("/sessions/<session_id>/facts", roles=EVERYBODY)
    def session_facts(session_id: str) -> Response:
        return part(session_id, "facts")

    @pages.page("/sessions/<session_id>/why", roles=EVERYBODY)
    def session_why(session_id: str) -> Response:
        session_id = checked_id("ses", session_id)
        before = said("before")
        with database.read() as db:
            page = find_latest_explanations(db, session_id, limit=_EXPLAINED, before=before)
        return render("why", page=page, session_id=session_id, before=before)

    # -- files ----------------------------------------------------------------------------------

    @pages.page("/sessions/export.<form>", roles=EVERYBODY)
    def export_sessions(form: str) -> Response:
        """The filtered list as a file, each session as soon as it is read."""
        found = every_session(database, chosen().wanted(zone), refusal())
        if form == "csv":
            # The mark by which a spreadsheet knows UTF-8.
            content: Any = (line.encode("utf-8") for line in _marked(as_csv(found)))
            kind = "text/csv; charset=utf-8"
        elif form == "json":
            content, kind = as_json(found), "application/json"
        else:
            raise NotFound("Sessions come as csv or json.")
        answer = Response(stream_with_context(content), content_type=kind)
        answer.headers["Content-Disposition"] = f'attachment; filename="sessions.{form}"'
        return answer


def _marked(lines: Any) -> Any:
    yield "\ufeff"
    yield from lines


def _listed(page: Page, filters: Chosen, cursor: str | None, start: str | None) -> Listed:
    items = list(page.items)
    return Listed(
        items=items,
        chosen=filters,
        cursor=cursor or "",
        start=start or (place_of(items[0]) if items else ""),
        next_cursor=page.next_cursor or "",
        searched=bool(filters.q) and page.next_cursor is not None and len(items) < ROWS,
    )


def _choices(pages: Pages) -> dict[str, Any]:
    """What the filters offer."""
    return {"channels": sorted(pages.parts.channels), "agents": sorted(pages.parts.agents)}


def _people(db: Transaction) -> list[Any]:
    """Those who may hold sessions: to choose from, and to hand over to."""
    query = select(Operator.id, Operator.name, Operator.role).where(
        Operator.deactivated_at.is_(None), Operator.role.in_(MAY_ACT)
    )
    return list(db.execute(query.order_by(Operator.name, Operator.id)))
