"""Doors to what channels reported: look at it, and apply a failed one again."""

from __future__ import annotations

from flask import Response

from gateway.api.callers import ADMINS, operator
from gateway.api.idempotency import act_then_keep
from gateway.api.rooms import Room
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.deliveries import DeliveriesQuery, DeliveryPageSchema, DeliverySchema
from gateway.clock import to_micros
from gateway.conversations.doors import MAY_ACT
from gateway.rails.answers import Json, json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.deliveries import find_deliveries, find_delivery
from gateway.wiring import Parts


def add_delivery_doors(room: Room, parts: Parts) -> None:
    """Add the doors; operators look, administrators replay."""
    database = parts.database

    @room.door(
        "GET",
        "/deliveries",
        takes=DeliveriesQuery,
        gives=DeliveryPageSchema,
        roles=MAY_ACT,
    )
    def list_deliveries(query: Arguments) -> Response:
        """List deliveries, the newest first"""
        with database.read() as db:
            return json_answer(find_deliveries(db, **query).to_json())

    @room.door(
        "POST",
        "/deliveries/<delivery_id>/replay",
        takes=NothingBody,
        required=False,
        gives=DeliverySchema,
        roles=ADMINS,
    )
    def replay(body: Arguments, delivery_id: str) -> Response:
        """Apply a failed delivery once more"""
        delivery_id = checked_id("dlv", delivery_id)

        def work() -> Json:
            # Of itself it happens once: only failed ones are replayed.
            parts.inbox.replay(delivery_id)
            with database.read() as db:
                return find_delivery(db, delivery_id)

        now = to_micros(parts.clock.now())
        return act_then_keep(database, operator().id, body, now, work)
