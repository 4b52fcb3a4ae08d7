"""What people may ask for at our doors: hand over, accept, assign, write, copilot, finish.

Only these can be refused; whatever a channel reports is absorbed.
"""

from gateway.conversations.doors.callers import (
    FINISHED,
    HANDLED,
    MAY_ACT,
    NOT_PERMITTED,
    Caller,
    Done,
    Person,
    Role,
    handover_refusal,
)
from gateway.conversations.doors.copilot import discard_draft, send_draft, set_copilot
from gateway.conversations.doors.ending import end, finish
from gateway.conversations.doors.handing import (
    give_to_people,
    hand_back,
    hand_over,
    handover_allowed,
    return_to_ai,
)
from gateway.conversations.doors.owing import Owing
from gateway.conversations.doors.people import (
    accept,
    assign,
    assign_team,
    decline,
    put_back,
    release,
)
from gateway.conversations.doors.writing import write_message, write_note

__all__ = [
    "FINISHED", "HANDLED", "MAY_ACT", "NOT_PERMITTED", "Caller", "Done", "Owing", "Person", "Role",
    "accept", "assign", "assign_team", "decline", "discard_draft", "end", "finish",
    "give_to_people", "hand_back", "hand_over", "handover_allowed", "handover_refusal", "put_back",
    "release", "return_to_ai", "send_draft", "set_copilot", "write_message", "write_note",
]  # fmt: skip
