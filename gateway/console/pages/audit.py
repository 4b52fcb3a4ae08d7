"""Audit log: who did what, by filters that stand in the address, page by page, and as a file."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from flask import Response, request

from gateway.clock import to_micros
from gateway.console.people import everybody
from gateway.console.rooms import ADMINS, Pages
from gateway.reading.audit import AuditFilter, find_entries
from gateway.reading.cursors import to_time

OUTCOMES = ("done", "refused", "begun")
_PAGE = 50
_FIELDS = ("actor", "action", "object", "outcome", "from", "to")
_LONGEST = 200


def add_audit_pages(pages: Pages) -> None:
    """Add the page; the file itself is the API's."""
    parts = pages.parts

    @pages.page("/audit", roles=ADMINS, title="Audit log")
    def audit() -> Response:
        asked = {name: request.args.get(name, "").strip()[:_LONGEST] for name in _FIELDS}
        asked = {name: value.replace("\x00", "") for name, value in asked.items() if value}
        wanted = _wanted(asked, parts.settings.workspace.zone)
        cursor = request.args.get("cursor") or None
        with parts.database.read() as db:
            found = find_entries(db, wanted, limit=_PAGE, cursor=cursor)
        query = urlencode(asked)
        return pages.render(
            "audit/list.html",
            entries=[{**entry, "changed": _changed(entry)} for entry in found.items],
            asked=asked,
            outcomes=OUTCOMES,
            people=[(one.candidate.id, one.candidate.name) for one in everybody(parts)],
            first=f"/console/audit?{query}" if cursor else "",
            next=_more(query, found.next_cursor),
            export=_export(wanted),
        )


def _wanted(asked: dict[str, str], zone: ZoneInfo) -> AuditFilter:
    """What is asked, as the record knows it; a day that is none is not asked."""
    outcome = asked.get("outcome")
    since, until = _day(asked.get("from")), _day(asked.get("to"))
    return AuditFilter(
        actor=asked.get("actor"),
        action=asked.get("action"),
        object=asked.get("object"),
        outcome=outcome if outcome in OUTCOMES else None,
        since=_begins(since, zone) if since else None,
        until=_begins(until + timedelta(days=1), zone) if until else None,
    )


def _export(wanted: AuditFilter) -> dict[str, str]:
    """Where the same is as a file, by its form."""
    named = {
        "actor": wanted.actor,
        "action": wanted.action,
        "object": wanted.object,
        "outcome": wanted.outcome,
        "since": to_time(wanted.since) if wanted.since is not None else None,
        "until": to_time(wanted.until) if wanted.until is not None else None,
    }
    query = {name: value for name, value in named.items() if value}
    return {
        form: f"/api/v1/audit/export?{urlencode({'format': form, **query})}"
        for form in ("csv", "jsonl")
    }


def _changed(entry: dict[str, object]) -> list[tuple[str, str, str]]:
    """What was changed: its name, as it had been, as it was then."""
    before, after = entry["before"] or {}, entry["after"] or {}
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    told = [(name, _said(before.get(name)), _said(after.get(name))) for name in before | after]
    return [(name, was, is_) for name, was, is_ in told if was != is_]


def _said(value: object) -> str:
    """A value as people read it: nothing for null, words for yes and no, lists as they are said."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case list():
            return ", ".join(_said(one) for one in value)
        case dict():
            return ", ".join(f"{name}: {_said(one) or 'nothing'}" for name, one in value.items())
        case _:
            return msgspec.json.encode(value).decode()


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if 1970 < found.year < 9999 else None


def _begins(day: date, zone: ZoneInfo) -> int:
    return to_micros(datetime.combine(day, time(), zone))


def _more(query: str, cursor: str | None) -> str:
    if cursor is None:
        return ""
    return f"/console/audit?{query}{'&' if query else ''}{urlencode({'cursor': cursor})}"
