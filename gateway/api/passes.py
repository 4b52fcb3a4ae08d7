"""Doors to passes over a channel's changes: what they found and repaired, and to ask for one."""

from __future__ import annotations

import marshmallow as ma
from flask import Response
from marshmallow import fields

from gateway.api.answers import Json, json_answer
from gateway.api.callers import needs, operator
from gateway.api.idempotency import act_then_keep
from gateway.api.parsing import checked_id
from gateway.api.rooms import Room
from gateway.api.schemas import Arguments, NothingBody, PageQuery
from gateway.channels.base import Channel
from gateway.clock import to_micros
from gateway.errors import Conflict, NotFound
from gateway.inbox import pinned
from gateway.reading.passes import find_pass, find_passes, find_repairs
from gateway.reconciling import passes
from gateway.wiring import Parts


class ReconciliationSchema(ma.Schema):
    """One look at what a channel had changed from `since` to `until`."""

    id = fields.String()
    channel = fields.String()
    asked_by = fields.String(validate=ma.validate.OneOf(("clock", "command")))
    since = fields.DateTime()
    until = fields.DateTime()
    began_at = fields.DateTime()
    listed_at = fields.DateTime(allow_none=True)
    ended_at = fields.DateTime(allow_none=True, metadata={"description": "null: under way"})
    found = fields.Integer(metadata={"description": "conversations that had changed"})
    doubted = fields.Integer(metadata={"description": "of these, not known to be the same here"})
    read = fields.Integer(metadata={"description": "of these, read so far"})
    repaired = fields.Integer(metadata={"description": "of these, not as the record had them"})
    gone = fields.Integer(metadata={"description": "of these, no longer in the channel"})
    lost = fields.Integer(metadata={"description": "parts too old for the channel to tell"})
    people = fields.Integer(metadata={"description": "customers whose details were different"})
    waiting = fields.Integer(metadata={"description": "conversations still to be read"})
    drift = fields.Dict(
        keys=fields.String(), values=fields.Integer(),
        metadata={"description": "what no notification had told, by kind"},
    )  # fmt: skip
    trouble = fields.String(allow_none=True, metadata={"description": "why it waits"})


class ReconciliationPageSchema(ma.Schema):
    """Passes, the newest first."""

    items = fields.List(fields.Nested(ReconciliationSchema))
    next_cursor = fields.String(allow_none=True)


class RepairSchema(ma.Schema):
    """One conversation that was not as the record had it, and what came of that."""

    conversation = fields.String(metadata={"description": "the channel's own id"})
    session_id = fields.String(allow_none=True)
    at = fields.DateTime()
    learned = fields.Dict(keys=fields.String(), values=fields.Integer())
    effect = fields.String(allow_none=True)


class RepairPageSchema(ma.Schema):
    """What a pass repaired."""

    items = fields.List(fields.Nested(RepairSchema))
    next_cursor = fields.String(allow_none=True)


def add_pass_doors(room: Room, parts: Parts) -> None:
    """Add the doors; every role looks, administrators ask for a pass."""
    database = parts.database

    def channel_of(name: str) -> Channel:
        channel = parts.channels.get(name)
        if channel is None:
            raise NotFound("there is no such channel")
        return channel

    @room.door("GET", "/channels/<name>/passes", takes=PageQuery, gives=ReconciliationPageSchema)
    def list_passes(query: Arguments, name: str) -> Response:
        """List the passes over a channel's changes, the newest first"""
        channel_of(name)
        with database.read() as db:
            return json_answer(find_passes(db, name, **query).to_json())

    @room.door(
        "GET", "/channels/<name>/passes/<pass_id>/repairs", takes=PageQuery, gives=RepairPageSchema
    )
    def list_repairs(query: Arguments, name: str, pass_id: str) -> Response:
        """List what a pass repaired, by conversation, and what nobody had told of it"""
        channel_of(name)
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
    )
    def begin_pass(body: Arguments, name: str) -> Response:
        """Begin a pass now, or join the one that is under way"""
        needs("admin")
        channel = channel_of(name)
        now = to_micros(parts.clock.now())

        def work() -> Json:
            with database.read() as db:
                home = pinned(db, channel)
            if home is None:
                raise Conflict("nothing has been heard of this channel yet")
            id = database.write(lambda db: passes.begin(db, home, asked_by="command", now=now))
            parts.waker.wake("sync")
            with database.read() as db:
                return find_pass(db, id)

        return act_then_keep(database, operator().id, body, now, work)
