"""Who is in charge: mode, responsible and the cuts between sessions, as one pure fold over facts.

`TABLE` is total: every mode meets every input, and `fold` has no other opinion about modes.
A conversation's facts, folded in the order of their positions, always give the same threads,
sessions and markers, however often and in whatever order they arrived.
"""

from gateway.handover.fold import apply, fold
from gateway.handover.reading import first_mode, is_idle, is_neutral, place
from gateway.handover.table import TABLE, Input, Mode, Move, State
from gateway.handover.thread import (
    BY_AI,
    Handover,
    Marker,
    Responsible,
    Run,
    Step,
    Story,
    Stretch,
    Thread,
    Wait,
)

__all__ = [
    "BY_AI", "TABLE", "Handover", "Input", "Marker", "Mode", "Move", "Responsible", "Run", "State",
    "Step", "Story", "Stretch", "Thread", "Wait", "apply", "first_mode", "fold", "is_idle",
    "is_neutral", "place",
]  # fmt: skip
