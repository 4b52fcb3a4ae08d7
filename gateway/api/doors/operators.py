"""Doors to operators: who they are and how things are with them; administrators change them."""

from __future__ import annotations

import hashlib

from flask import Response

from gateway import audit
from gateway.api.callers import ADMINS, operator
from gateway.api.idempotency import Acted, act_once
from gateway.api.people import People
from gateway.api.rooms import Room
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.operators import (
    MeBody,
    OperatorBody,
    OperatorPageSchema,
    OperatorSchema,
    OperatorsQuery,
    PresenceBody,
    PresenceSchema,
)
from gateway.audit import Thing
from gateway.clock import to_micros
from gateway.errors import NotFound
from gateway.people import avatars, editing
from gateway.rails.answers import json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.cursors import to_time
from gateway.store import Transaction
from gateway.wiring import Parts


def add_operator_doors(room: Room, parts: Parts) -> None:
    """Add the doors; every role looks, and everybody changes what is their own."""
    database, people = parts.database, People(parts)

    def changed(operator_id: str, body: Arguments, changes: Arguments) -> Response:
        now, seen = to_micros(parts.clock.now()), people.seen()

        def act(db: Transaction) -> Acted:
            change = editing.edit(db, operator_id, changes, now)
            before, after = audit.changes(change.before, change.after)
            return Acted(
                body=people.one(db, seen, operator_id),
                before=before,
                after=after,
                thing=Thing("operator", operator_id),
            )

        return act_once(database, operator().id, body, now, parts.waker.wake, act)

    @room.door("GET", "/operators", takes=OperatorsQuery, gives=OperatorPageSchema)
    def list_operators(query: Arguments) -> Response:
        """List operators by name, with presence and load"""
        seen = people.seen()
        active = query.pop("active", None)
        with database.read() as db:
            page = people.page(
                db, seen, active=None if active is None else active == "true", **query
            )
        return json_answer(page)

    @room.door("GET", "/operators/<operator_id>", gives=OperatorSchema)
    def get_operator(operator_id: str) -> Response:
        """Get one operator"""
        operator_id = checked_id("opr", operator_id)
        seen = people.seen()
        with database.read() as db:
            return json_answer(people.one(db, seen, operator_id))

    @room.door(
        "PATCH",
        "/operators/<operator_id>",
        takes=OperatorBody,
        gives=OperatorSchema,
        roles=ADMINS,
    )
    def change_operator(body: Arguments, operator_id: str) -> Response:
        """Change an operator: role, hours, limit, teams, links; or deactivate them"""
        operator_id = checked_id("opr", operator_id)
        for channel in body.get("links", {}):
            if channel not in parts.channels:
                raise NotFound(f"links: there is no channel {channel[:60]}")
        said = {
            **body,
            **({"days_off": list(map(str, body["days_off"]))} if "days_off" in body else {}),
        }
        answer = changed(operator_id, said, body)
        if body.get("active") is False and answer.status_code == 200:
            parts.presences.say(operator_id, "offline")
        return answer

    @room.door("GET", "/me", gives=OperatorSchema)
    def get_me() -> Response:
        """Get the operator as whom this token acts"""
        seen = people.seen()
        with database.read() as db:
            return json_answer(people.one(db, seen, operator().id))

    @room.door("PATCH", "/me", takes=MeBody, gives=OperatorSchema)
    def change_me(body: Arguments) -> Response:
        """Change one's own name and picture"""
        id, now, seen = operator().id, to_micros(parts.clock.now()), people.seen()
        name = {"name": body["name"]} if "name" in body else {}
        picture = body.get("avatar")
        said = {**body, "avatar": picture and hashlib.sha256(picture).hexdigest()}

        def act(db: Transaction) -> Acted:
            was = {"sha256": avatars.digest_of(db, id)}
            change = editing.edit(db, id, name, now)
            if picture is not None:
                avatars.put(db, id, picture, now)
            elif "avatar" in body:
                avatars.remove(db, id)
            shown = {"sha256": avatars.digest_of(db, id)}
            before, after = audit.changes({**change.before, **was}, {**change.after, **shown})
            thing = Thing("operator", id)
            return Acted(body=people.one(db, seen, id), before=before, after=after, thing=thing)

        return act_once(database, id, said, now, parts.waker.wake, act)

    @room.door("PUT", "/me/presence", takes=PresenceBody, gives=PresenceSchema, fleeting=True)
    def say_presence(body: Arguments) -> Response:
        """Say that one is online, away or offline; it holds for 90 s"""
        until = parts.presences.say(operator().id, body["state"])
        ends = to_time(until) if body["state"] != "offline" else None
        return json_answer({"state": body["state"], "until": ends, "kept": until is not None})
