"""The journal of events: what happened, in an order that readers can go on from.

    feed.tell(db, "session.finished", at=now, session_id=…)

It is written in the transaction that made it happen, so there is no event without its cause and no
cause without its event. A row holds ids and small facts; whoever reads it looks the rest up in the
record as it is then, so nothing outlives its redaction here.
"""

from gateway.feed.bell import CHANNEL, Bell
from gateway.feed.hints import HINTS, Hint, Hints
from gateway.feed.order import Head, Told, forget, head, read, read_before, read_of_conversation
from gateway.feed.telling import UPDATED, Kind, tell, tell_updated, telling

__all__ = [
    "CHANNEL",
    "HINTS",
    "UPDATED",
    "Bell",
    "Head",
    "Hint",
    "Hints",
    "Kind",
    "Told",
    "forget",
    "head",
    "read",
    "read_before",
    "read_of_conversation",
    "tell",
    "tell_updated",
    "telling",
]
