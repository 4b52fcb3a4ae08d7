"""Doors to passes over a channel's changes: what they found and repaired, and to ask for one."""

from __future__ import annotations

from flask import Response

from gateway.api.callers import ADMINS, operator
from gateway.api.doors.channels import channel_of
from gateway.api.idempotency import Acted, act_once
from gateway.api.rooms import Room
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.pages import PageQuery
from gateway.api.schemas.passes import (
    ReconciliationPageSchema,
    ReconciliationSchema,
    RepairPageSchema,
)
from gateway.clock import to_micros
from gateway.errors import Conflict, NotFound
from gateway.inbox import pinned
from gateway.rails.answers import json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.passes import find_pass, find_passes, find_repairs
from gateway.reconciling import passes
from gateway.store import Transaction
from gateway.wiring import Parts


def add_pass_doors(room: Room, parts: Parts) -> None:
    """Add the doors; every role looks, administrators ask for a pass."""
    database = parts.database

    @room.door("GET", "/channels/<name>/passes", takes=PageQuery, gives=ReconciliationPageSchema)
    def list_passes(query: Arguments, name: str) -> Response:
        """List the passes over a channel's changes, the newest first"""
        channel_of(parts, name)
        with database.read() as db:
            return json_answer(find_passes(db, name, **query).to_json())

    @room.door(
        "GET", "/channels/<name>/passes/<pass_id>/repairs", takes=PageQuery, gives=RepairPageSchema
    )
    def list_repairs(query: Arguments, name: str, pass_id: str) -> Response:
        """List what a pass repaired, by conversation, and what nobody had told of it"""
        channel_of(parts, name)
        pass_id = checked_id("rec", pass_id)
        with database.read() as db:
            if find_pass(db, pass_id)["channel"] != name:
                raise NotFound("there is no such pass")
            return json_answer(find_repairs(db, pass_id, **query).to_json())

    @room.door(
        "POST",
        "/channels/<name>/passes",
        takes=NothingBody,
        required=False,
        gives=ReconciliationSchema,
        roles=ADMINS,
    )
    def begin_pass(body: Arguments, name: str) -> Response:
        """Begin a pass now, or join the one that is under way"""
        channel = channel_of(parts, name)
        now = to_micros(parts.clock.now())

        def work(db: Transaction) -> Acted:
            home = pinned(db, channel)
            if home is None:
                raise Conflict("nothing has been heard of this channel yet")
            id = passes.begin(db, home, asked_by="command", now=now)
            return Acted(body=find_pass(db, id), owed={"sync"}, after={"pass_id": id})

        return act_once(database, operator().id, body, now, parts.waker.wake, work)
