"""Doors to the audit: who did what, as a list and as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from flask import Response

from gateway.api.callers import ADMINS
from gateway.api.rooms import Room
from gateway.api.schemas.audit import AuditExportQuery, AuditPageSchema, AuditQuery
from gateway.api.schemas.base import Arguments
from gateway.rails.answers import Json, json_answer
from gateway.rails.spreadsheets import csv_lines
from gateway.reading.audit import AuditFilter, every_entry, find_entries
from gateway.wiring import Parts

COLUMNS = (
    "id", "at", "actor_kind", "actor_id", "actor_name", "token_id", "address", "action",
    "object_kind", "object_id", "before", "after", "outcome", "reason", "request_id",
)  # fmt: skip


def add_audit_doors(room: Room, parts: Parts) -> None:
    """Add the doors for administrators."""
    database = parts.database

    @room.door("GET", "/audit", takes=AuditQuery, gives=AuditPageSchema, roles=ADMINS)
    def list_audit(query: Arguments) -> Response:
        """List who did what, the newest first"""
        limit, cursor = query.pop("limit"), query.pop("cursor", None)
        with database.read() as db:
            page = find_entries(db, AuditFilter(**query), limit=limit, cursor=cursor)
        return json_answer(page.to_json())

    @room.door(
        "GET",
        "/audit/export",
        takes=AuditExportQuery,
        gives=None,
        roles=ADMINS,
        gives_files=("application/jsonl", "text/csv"),
    )
    def export_audit(query: Arguments) -> Response:
        """Get who did what as a file, the oldest first"""
        form = query.pop("format")
        entries = every_entry(database, AuditFilter(**query))
        if form == "csv":
            answer = Response(_table(entries), content_type="text/csv; charset=utf-8")
        else:
            answer = Response(_lines(entries), content_type="application/jsonl")
        answer.headers["Content-Disposition"] = f'attachment; filename="audit.{form}"'
        return answer


def _lines(entries: Iterable[Json]) -> Iterator[bytes]:
    for entry in entries:
        yield msgspec.json.encode(entry) + b"\n"


def _table(entries: Iterable[Json]) -> Iterator[str]:
    """The rows of a CSV file, each as soon as it is read."""
    return csv_lines(COLUMNS, map(_row, entries))


def _row(entry: Json) -> list[Any]:
    actor, thing = entry["actor"], entry["object"] or {"kind": None, "id": None}
    flat = {
        **entry,
        "actor_kind": actor["kind"],
        "actor_id": actor["id"],
        "actor_name": actor["name"],
        "token_id": actor["token_id"],
        "address": actor["address"],
        "object_kind": thing["kind"],
        "object_id": thing["id"],
    }
    return [flat[name] for name in COLUMNS]
