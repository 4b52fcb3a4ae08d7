"""Deliveries: what channels reported and we told others, what failed of it, and doing it again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlencode

import msgspec
from flask import Response, request

from gateway.console.payloads import Payload, pretty
from gateway.console.rooms import ADMINS, Pages
from gateway.conversations.doors import handover_refusal
from gateway.errors import NotFound
from gateway.rails.parsing import checked_id
from gateway.reading.deliveries import find_body, find_deliveries, find_delivery
from gateway.reading.outbox import PUSH_STATES, count_trouble, find_push, find_pushes
from gateway.reading.sessions import Json, Page, SessionFilter, find_sessions
from gateway.reading.subscribers import find_event_deliveries
from gateway.store import Transaction

HERE = "/console/deliveries"
SHOWN = {"inbox": "Inbox", "pushes": "To channels", "events": "To subscribers"}
STATES: Mapping[str, Collection[str]] = {
    "inbox": ("failed", "foreign", "applied"),
    "pushes": PUSH_STATES,
    "events": ("dead", "owed", "sent", "cancelled"),
}
_PAGE = 50
_DIGITS = 18


def add_delivery_pages(pages: Pages) -> None:
    """Add the three lists, and what one delivery or push holds."""
    parts = pages.parts

    @pages.page("/deliveries", roles=ADMINS, title="Deliveries")
    def deliveries() -> Response:
        """`show`: which list; `state`, empty for any; `channel`; for events the `subscriber`."""
        show = _one_of(request.args.get("show", ""), SHOWN) or "inbox"
        states = STATES[show]
        asked = request.args.get("state")
        state = next(iter(states)) if asked is None else _one_of(asked, states)
        channel = _one_of(request.args.get("channel", ""), parts.channels)
        subscriber = _one_of(request.args.get("subscriber", ""), parts.subscribers)
        if show == "events":
            subscriber, channel = subscriber or next(iter(parts.subscribers), ""), ""
        cursor = request.args.get("cursor") or None
        with parts.database.read() as db:
            found = _find(db, show, state, channel, subscriber, cursor)
            trouble = count_trouble(db)
        query = {"show": show, "state": state, "channel": channel, "subscriber": subscriber}
        kept = urlencode({key: value for key, value in query.items() if value or key == "state"})
        return pages.render(
            f"deliveries/{show}.html",
            items=found.items,
            tabs=SHOWN,
            trouble=trouble,
            show=show,
            states=states,
            state=state,
            channel=channel,
            channels=sorted(parts.channels),
            subscriber=subscriber,
            subscribers=sorted(parts.subscribers),
            first=f"{HERE}?{kept}" if cursor else "",
            next=f"{HERE}?{kept}&{urlencode({'cursor': found.next_cursor})}"
            if found.next_cursor
            else "",
        )

    @pages.page("/deliveries/<delivery_id>", roles=ADMINS, title="Deliveries")
    def delivery(delivery_id: str) -> Response:
        delivery_id = checked_id("dlv", delivery_id)
        with parts.database.read() as db:
            told = find_delivery(db, delivery_id)
            body = find_body(db, delivery_id)
            sessions = _sessions_of(db, told)
        return pages.render(
            "deliveries/delivery.html", told=told, payload=pretty(body), sessions=sessions
        )

    @pages.page("/deliveries/pushes/<push_id>", roles=ADMINS, title="Deliveries")
    def push(push_id: str) -> Response:
        if not (push_id.isascii() and push_id.isdigit() and len(push_id) <= _DIGITS):
            raise NotFound("there is no such push")
        with parts.database.read() as db:
            told = find_push(db, int(push_id))
        payload: Payload = pretty(msgspec.json.encode(told["command"]))
        return pages.render("deliveries/push.html", told=told, payload=payload)


def _find(
    db: Transaction, show: str, state: str, channel: str, subscriber: str, cursor: str | None
) -> Page:
    wanted: dict[str, object] = {"state": state or None, "limit": _PAGE, "cursor": cursor}
    if show == "events":
        if not subscriber:
            return Page(items=[])
        return find_event_deliveries(db, subscriber, **wanted)  # type: ignore[arg-type]
    find = find_deliveries if show == "inbox" else find_pushes
    return find(db, channel=channel or None, **wanted)  # type: ignore[arg-type]


def _sessions_of(db: Transaction, told: Json) -> list[Json]:
    """The newest sessions of the conversation that a delivery is about."""
    if not told["conversation"]:
        return []
    wanted = SessionFilter(channel=told["channel"], conversation=told["conversation"])
    page = find_sessions(
        db, wanted, refusal=lambda *state: handover_refusal("admin", *state), limit=3
    )
    return list(page.items)


def _one_of(asked: str, known: Collection[str]) -> str:
    return asked if asked in known else ""
