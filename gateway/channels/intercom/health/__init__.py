"""Intercom's own rules for whoever takes its notifications, and whether we are within them.

All from its documentation (docs/references/webhooks): 500 ms for normal priority, 5 s for an
answer at all, one retry after a minute, a pause after 1,000 errors in a row within 15 minutes,
suspension after 7 days of errors.
"""

from __future__ import annotations

from gateway.channels.intercom.health.answered import (
    PAUSE_AFTER,
    of_answers,
    of_errors,
    of_suspension,
)
from gateway.channels.intercom.health.heard import of_silence, of_topics
from gateway.channels.intercom.health.inside import away, of_fin, of_seat, of_workflow, taken
from gateway.channels.intercom.health.outside import of_skew, of_trouble, of_workspace
from gateway.channels.intercom.people import Seats
from gateway.signs import Finding, Signs

__all__ = ["CODES", "PAUSE_AFTER", "away", "judge", "of_skew", "taken"]

CODES = (
    "workspace", "token", "unreachable", "silent", "topics", "errors", "suspended",
    "slow_answers", "clock", "bot_removed", "bot_away", "fin", "workflow",
)  # fmt: skip


def judge(signs: Signs, *, seats: Seats) -> list[Finding]:
    """Apply Intercom's rules to what is known."""
    return [
        *of_workspace(signs),
        *of_trouble(signs),
        *of_silence(signs),
        *of_topics(signs),
        *of_errors(signs),
        *of_suspension(signs),
        *of_answers(signs),
        *([of_skew(signs.skew_s)] if signs.skew_s is not None else ()),
        *of_seat(signs),
        *of_fin(signs),
        *of_workflow(signs, seats.ai_teams),
    ]
