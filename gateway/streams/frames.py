"""Server-sent events as bytes: what a browser's EventSource reads."""

from __future__ import annotations

import msgspec

from gateway.clock import to_time
from gateway.feed import Hint
from gateway.reading.sessions import Json

NEWS = b"event: news\ndata: {}\n\n"
"""What a visitor's stream says: it is time to ask."""


def event_frame(place: int, event: Json) -> bytes:
    """An event; `place` is what a reader names in `Last-Event-ID` to go on after it."""
    data = msgspec.json.encode(event)  # one line: JSON writes line breaks as \n
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (place, event["type"].encode(), data)


def opening_frame(place: int | None, retry_ms: int) -> bytes:
    """What a stream begins with: where it begins, and when to come back after a break."""
    return _id(place) + b"retry: %d\n\n" % retry_ms


def beat_frame(place: int | None) -> bytes:
    """A comment, so that nobody on the way takes the stream for dead; and how far it has come."""
    return b": beat\n" + _id(place) + b"\n"


def reset_frame(place: int) -> bytes:
    """What was missed is not known any more: read what you show anew, and go on from here."""
    return b"id: %d\nevent: reset\ndata: {}\n\n" % place


def hint_frame(hint: Hint) -> bytes:
    """Somebody types or looks, as those inside are told; it has no place in any order."""
    kind = f"session.{hint.kind}"
    event = {
        "type": kind,
        "timestamp": to_time(hint.at),
        "data": {
            "session_id": hint.session,
            "by": {"kind": hint.by, "id": hint.id, "name": hint.name},
            "on": hint.on,
        },
    }
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(event))


def typing_frame(hint: Hint) -> bytes:
    """Somebody types, as a visitor is told: no ids."""
    told = {"kind": hint.by, "name": hint.name, "on": hint.on}
    return b"event: typing\ndata: %s\n\n" % msgspec.json.encode(told)


def _id(place: int | None) -> bytes:
    return b"" if place is None else b"id: %d\n" % place
