"""Doors to imports of a channel's past: to begin one, and to see how far it is."""

from __future__ import annotations

from flask import Response

from gateway.api.callers import ADMINS, operator
from gateway.api.doors.channels import channel_of
from gateway.api.idempotency import Acted, act_once
from gateway.api.rooms import Room
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.backfills import BackfillBody, BackfillPageSchema, BackfillSchema
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.pages import PageQuery
from gateway.clock import to_micros, to_time
from gateway.errors import Conflict, NotFound
from gateway.rails.answers import Json, json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.backfills import find_backfill, find_backfills
from gateway.reconciling import backfills
from gateway.store import Transaction
from gateway.wiring import Parts


def add_backfill_doors(room: Room, parts: Parts) -> None:
    """Add the doors; every role looks, administrators begin one and stop it."""
    database = parts.database

    def find(db: Transaction, name: str, backfill_id: str) -> Json:
        found = find_backfill(db, backfill_id)
        if found["channel"] != name:
            raise NotFound("there is no such backfill")
        return found

    @room.door("GET", "/channels/<name>/backfills", takes=PageQuery, gives=BackfillPageSchema)
    def list_backfills(query: Arguments, name: str) -> Response:
        """List the imports of a channel's past, the newest first"""
        channel_of(parts, name)
        with database.read() as db:
            return json_answer(find_backfills(db, name, **query).to_json())

    @room.door("GET", "/channels/<name>/backfills/<backfill_id>", gives=BackfillSchema)
    def read_backfill(name: str, backfill_id: str) -> Response:
        """Read how far an import is"""
        channel_of(parts, name)
        backfill_id = checked_id("bkf", backfill_id)
        with database.read() as db:
            return json_answer(find(db, name, backfill_id))

    @room.door(
        "POST",
        "/channels/<name>/backfills",
        takes=BackfillBody,
        required=False,
        gives=BackfillSchema,
        roles=ADMINS,
    )
    def begin_backfill(body: Arguments, name: str) -> Response:
        """Begin to import a channel's past, or join the import that is under way"""
        channel = channel_of(parts, name)
        now = to_micros(parts.clock.now())
        since, until = body.get("since"), body.get("until")

        def work(db: Transaction) -> Acted:
            if not channel.remote:
                raise Conflict("all that was ever said in this channel is here")
            id = backfills.begin(db, name, now=now, since=since, until=until)
            after = {"backfill_id": id, "since": to_time(since), "until": to_time(until)}
            return Acted(body=find_backfill(db, id), owed={"sync"}, after=after)

        return act_once(database, operator().id, body, now, parts.waker.wake, work)

    @room.door(
        "POST",
        "/channels/<name>/backfills/<backfill_id>/stop",
        takes=NothingBody,
        required=False,
        gives=BackfillSchema,
        roles=ADMINS,
        refuses=(409,),
    )
    def stop_backfill(body: Arguments, name: str, backfill_id: str) -> Response:
        """Stop an import where it is; what it has read stays"""
        channel_of(parts, name)
        backfill_id = checked_id("bkf", backfill_id)
        now = to_micros(parts.clock.now())

        def work(db: Transaction) -> Acted:
            found = find(db, name, backfill_id)
            if not backfills.stop(db, backfill_id, now):
                raise Conflict("this import is over")
            at = to_time(now)
            told = found | {"ended_at": at, "stopped_at": at, "waiting": 0, "trouble": None}
            return Acted(body=told, after={"backfill_id": backfill_id, "read": found["read"]})

        return act_once(database, operator().id, body, now, parts.waker.wake, work)
