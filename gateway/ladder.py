"""The ladder of deadlines: what a customer waits for, and what is done when it takes too long.

offered → accepted → first reply → stalled: an offer to one person stands for a while (`offer_s`),
then these steps count, each from the moment at which it began. Pure words; times are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WaitStep = Literal["accept", "first_reply", "reply"]
"""What a customer waits for: that a person accepts, that they reply, that they reply again."""
LadderAct = Literal[
    "tell_customer", "notify", "offer_next", "widen", "return_to_ai", "take_message"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What is done when a customer has waited `after_s` seconds on a step of the ladder.

    `text` is what the customer is told; `{position}` in the queue and `{opens_at}` are filled in.
    """

    step: WaitStep
    after_s: float
    do: LadderAct
    text: str = ""


BUSY = "Everybody is still busy. You are number {position} in the queue."
TAKE_MESSAGE = (
    "We could not reach anybody for you. Your messages are kept, and will be answered here."
)
AWAY = (
    "Nobody of our team is here right now. Your messages are kept, and will be answered here.\n"
    "We are back {opens_at}."
)

LADDER = (
    Rung(step="accept", after_s=300, do="tell_customer", text=BUSY),
    Rung(step="accept", after_s=300, do="notify"),
    Rung(step="accept", after_s=900, do="widen"),
    Rung(step="accept", after_s=3_600, do="take_message", text=TAKE_MESSAGE),
    Rung(step="first_reply", after_s=900, do="notify"),
    Rung(step="first_reply", after_s=1_800, do="offer_next"),
    Rung(step="reply", after_s=86_400, do="notify"),
)
"""Where people work in our pages."""

NATIVE_LADDER = (
    Rung(step="accept", after_s=300, do="notify"),
    Rung(step="first_reply", after_s=900, do="notify"),
    Rung(step="reply", after_s=86_400, do="notify"),
)
"""Where the channel is people's own tool, with deadlines of its own."""

REMIND_AFTER_S = 86_400.0
