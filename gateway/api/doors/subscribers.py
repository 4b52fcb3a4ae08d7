"""Doors to subscribers: how they fare, what they never got, once more, and a test."""

from __future__ import annotations

from flask import Response

from gateway import feed
from gateway.api.callers import ADMINS, operator
from gateway.api.idempotency import Acted, act_once, act_then_keep
from gateway.api.rooms import Room
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.subscribers import (
    EventDeliveriesQuery,
    EventDeliveryPageSchema,
    EventDeliverySchema,
    ReplayBody,
    ReplayedSchema,
    SubscriberPageSchema,
    SubscriberSchema,
    TriedSchema,
)
from gateway.clock import to_micros
from gateway.errors import Conflict, NotFound
from gateway.rails.answers import Json, json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.cursors import to_time
from gateway.reading.subscribers import find_event_deliveries, find_event_delivery, find_states
from gateway.store import Transaction, new_id
from gateway.subscribers import book, deliveries
from gateway.subscribers.posting import Poster
from gateway.wiring import Parts

TEST_DEADLINE_S = 5.0


def add_subscriber_doors(room: Room, parts: Parts) -> None:
    """Add the doors; everybody looks, administrators replay and test."""
    database, posters, wake = parts.database, parts.subscribers, parts.waker.wake

    def now() -> int:
        return to_micros(parts.clock.now())

    def poster_of(name: str) -> Poster:
        poster = posters.get(name)
        if poster is None:
            raise NotFound("there is no such subscriber")
        return poster

    def told(poster: Poster, state: Json) -> Json:
        return {
            "id": poster.name, "host": poster.host, "events": sorted(poster.kinds), **state,
        }  # fmt: skip

    def one(db: Transaction, name: str) -> Json:
        return told(posters[name], find_states(db, [name], now())[name])

    def not_disabled(db: Transaction, name: str) -> None:
        row = book.find(db, [name]).get(name)
        if row is not None and row.disabled_at is not None:
            raise Conflict("the subscriber is disabled, since it answered 410; enable it first")

    @room.door("GET", "/subscribers", gives=SubscriberPageSchema)
    def list_subscribers() -> Response:
        """List the subscribers, and how they fare"""
        with database.read() as db:
            states = find_states(db, list(posters), now())
        items = [told(posters[name], state) for name, state in states.items()]
        return json_answer({"items": items, "next_cursor": None})

    @room.door(
        "GET",
        "/subscribers/<name>/deliveries",
        takes=EventDeliveriesQuery,
        gives=EventDeliveryPageSchema,
    )
    def list_event_deliveries(query: Arguments, name: str) -> Response:
        """List what a subscriber is owed, was sent or never got, the newest first"""
        poster_of(name)
        with database.read() as db:
            return json_answer(find_event_deliveries(db, name, **query).to_json())

    @room.door(
        "POST",
        "/subscribers/<name>/deliveries/<event_delivery_id>/replay",
        takes=NothingBody,
        required=False,
        gives=EventDeliverySchema,
        roles=ADMINS,
    )
    def replay_event(body: Arguments, name: str, event_delivery_id: str) -> Response:
        """Send an event once more, under the same id"""
        poster_of(name)
        delivery_id = checked_id("evd", event_delivery_id)

        def act(db: Transaction) -> Acted:
            not_disabled(db, name)
            deliveries.replay(db, name, delivery_id, now())
            found = find_event_delivery(db, name, delivery_id)
            return Acted(body=found, owed={"events"})

        return act_once(database, operator().id, body, now(), wake, act)

    @room.door(
        "POST",
        "/subscribers/<name>/replay",
        takes=ReplayBody,
        required=False,
        gives=ReplayedSchema,
        roles=ADMINS,
    )
    def replay_events(body: Arguments, name: str) -> Response:
        """Send many events once more: what is dead, unless you say otherwise"""
        poster_of(name)
        since, until = body.get("since"), body.get("until")

        def act(db: Transaction) -> Acted:
            not_disabled(db, name)
            count = deliveries.replay_many(
                db, name, [body["state"]], now(),
                since=to_micros(since) if since else None,
                until=to_micros(until) if until else None,
                kinds=body["types"],
            )  # fmt: skip
            return Acted(body={"replayed": count}, owed={"events"})

        return act_once(database, operator().id, body, now(), wake, act)

    @room.door(
        "POST",
        "/subscribers/<name>/enable",
        takes=NothingBody,
        required=False,
        gives=SubscriberSchema,
        roles=ADMINS,
    )
    def enable_subscriber(body: Arguments, name: str) -> Response:
        """Send events again to a subscriber that had answered 410"""
        poster_of(name)
        head = feed.head(database)

        def act(db: Transaction) -> Acted:
            row = book.find(db, [name]).get(name)
            if row is None or row.disabled_at is None:
                raise Conflict("the subscriber is not disabled")
            book.enable(db, name, head)
            return Acted(body=one(db, name), owed={"events"})

        return act_once(database, operator().id, body, now(), wake, act)

    @room.door(
        "POST",
        "/subscribers/<name>/test",
        takes=NothingBody,
        required=False,
        gives=TriedSchema,
        roles=ADMINS,
    )
    def test_subscriber(body: Arguments, name: str) -> Response:
        """Send a signed `test` event now, and tell what became of it"""
        poster = poster_of(name)

        def work() -> Json:
            # A test again does no harm; nothing is kept of it but the answer.
            event_id = new_id("evt")
            began = parts.clock.monotonic()
            event: Json = {"id": event_id, "type": "test", "timestamp": to_time(now()), "data": {}}
            answer = poster.post(event_id, event, TEST_DEADLINE_S)
            return {
                "event_id": event_id,
                "taken": answer.taken,
                "status": answer.status,
                "error": answer.error,
                "took_ms": round((parts.clock.monotonic() - began) * 1000),
            }

        return act_then_keep(database, operator().id, body, now(), work)
