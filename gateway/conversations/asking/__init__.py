"""Asking the AI agent: what is due, what it is told, and what becomes of its answer.

A turn remembers the epoch of its session. Whatever changes hands raises it, so an answer that was
thought out for another state of affairs is recorded and never said.
"""

from gateway.conversations.asking.answers import record_answer, record_failure
from gateway.conversations.asking.held import UNAVAILABLE, Recorded
from gateway.conversations.asking.questions import (
    Began,
    Unheard,
    begin,
    due,
    rest,
    returned,
    wait,
    wait_for_reply,
)

__all__ = [
    "UNAVAILABLE", "Began", "Recorded", "Unheard", "begin", "due", "record_answer",
    "record_failure", "rest", "returned", "wait", "wait_for_reply",
]  # fmt: skip
