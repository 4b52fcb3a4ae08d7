"""Server-sent events as bytes: what a browser's EventSource reads."""

from __future__ import annotations

import msgspec

from gateway.reading.sessions import Json


def event_frame(place: int, event: Json) -> bytes:
    """An event; `place` is what a reader names in `Last-Event-ID` to go on after it."""
    data = msgspec.json.encode(event)  # one line: JSON writes line breaks as \n
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (place, event["type"].encode(), data)


def opening_frame(place: int, retry_ms: int) -> bytes:
    """What a stream begins with: where it begins, and when to come back after a break."""
    return b"id: %d\nretry: %d\n\n" % (place, retry_ms)


def beat_frame(place: int) -> bytes:
    """A comment, so that nobody on the way takes the stream for dead; and how far it has come."""
    return b": beat\nid: %d\n\n" % place


def reset_frame(place: int) -> bytes:
    """What was missed is not known any more: read what you show anew, and go on from here."""
    return b"id: %d\nevent: reset\ndata: {}\n\n" % place
