"""Doors to a customer's rights: all that is known of them as a file, and nothing of it any more."""

from __future__ import annotations

from flask import Response

from gateway.api import trail
from gateway.api.callers import ADMINS, operator
from gateway.api.idempotency import Acted, act_once
from gateway.api.rooms import Room
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.privacy import EraseBody, ErasedSchema, ErasureSchema
from gateway.clock import to_micros
from gateway.contacts import cards
from gateway.errors import Conflict, Unavailable
from gateway.privacy.erasing import Erasing, begin
from gateway.privacy.exporting import export
from gateway.privacy.looking import called, find_erasure
from gateway.privacy.person import find_person
from gateway.rails.answers import json_answer
from gateway.rails.parsing import checked_id
from gateway.store import Transaction
from gateway.wiring import Parts

PATIENCE_S = 5.0
"""So long a call waits for an erasure; a worker goes on with it."""


def add_privacy_doors(room: Room, parts: Parts) -> None:
    """Add the doors, for administrators."""
    database, erasing = parts.database, Erasing(parts)

    @room.door(
        "POST", "/contacts/<contact_id>/export", takes=NothingBody, required=False, gives=None,
        gives_files=("application/zip",), roles=ADMINS, secret=True,
    )  # fmt: skip
    def export_contact(body: Arguments, contact_id: str) -> Response:
        """Get all that is known of a customer, as a ZIP that is written while it is read"""
        contact_id = checked_id("con", contact_id)
        with database.read() as db:
            person = find_person(db, contact_id)
        now = to_micros(parts.clock.now())
        database.write(lambda db: trail.done(db, now=now))
        answer = Response(export(parts, person), content_type="application/zip")
        # Nobody's name stands in it: names of files are seen in many places.
        answer.headers["Content-Disposition"] = f'attachment; filename="{person.id}.zip"'
        answer.headers["Cache-Control"] = "private, no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    @room.door(
        "POST", "/contacts/<contact_id>/erase", takes=EraseBody, gives=ErasedSchema, roles=ADMINS
    )
    def erase_contact(body: Arguments, contact_id: str) -> Response:
        """Erase a customer, for good: who they are, and everything that was said"""
        contact_id = checked_id("con", contact_id)
        now = to_micros(parts.clock.now())
        begun: list[str] = []

        def work(db: Transaction) -> Acted:
            card = cards.find_contact(db, contact_id)
            if body["confirm"].strip() not in (called(card), card["id"]):
                raise Conflict("`confirm` is not what this customer is called; nothing was erased")
            told = find_erasure(db, parts.channels, contact_id)
            erasure_id = begin(db, contact_id, operator().id, body["reason"], now)
            begun[:] = [erasure_id]
            here = find_erasure(db, parts.channels, contact_id)
            here["kept_elsewhere"] = told["kept_elsewhere"]
            return Acted(
                body={"message": "Customer erased", "erasure": here},
                owed={"upkeep"},
                after={"erasure_id": erasure_id},
            )

        answer = act_once(database, operator().id, body, now, parts.waker.wake, work)
        for erasure_id in begun:
            try:
                erasing.finish(erasure_id, patience_s=PATIENCE_S)
            except Unavailable:
                pass  # a worker goes on with it
        return answer

    @room.door("GET", "/contacts/<contact_id>/erasure", gives=ErasureSchema, roles=ADMINS)
    def get_erasure(contact_id: str) -> Response:
        """Get what an erasure would leave here and elsewhere, or what one has left"""
        contact_id = checked_id("con", contact_id)
        with database.read() as db:
            return json_answer(find_erasure(db, parts.channels, contact_id))
