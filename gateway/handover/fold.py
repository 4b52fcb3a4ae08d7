"""The fold: facts in the order of their positions become threads, sessions and markers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, assert_never

from gateway.events import (
    SYSTEM,
    Assigned,
    AssigneeSeen,
    Closed,
    ConversationDeleted,
    CopilotSet,
    DeadlinePassed,
    Fact,
    Finished,
    HandedBack,
    HandedOver,
    MessageReceived,
    NoteAdded,
    Reopened,
    ResponsibleSet,
    Snoozed,
)
from gateway.handover.moves import (
    assigned,
    copilot,
    ended,
    handed_back,
    handed_over,
    late,
    marker,
    responsible_set,
    said,
    seen,
)
from gateway.handover.reading import place
from gateway.handover.stretches import told
from gateway.handover.thread import Step, Story, Thread
from gateway.policy import Policy


def fold(facts: Iterable[Fact], policy: Policy) -> Story:
    """Fold all of a conversation's facts."""
    story = Story()
    for fact in sorted(facts, key=place):
        step = apply(story.thread, fact, policy)
        story.thread = step.thread
        run = step.thread.run
        if run:
            story.runs[run.opened_by] = run
        story.markers.extend((run.opened_by if run else None, marker) for marker in step.markers)
    return story


def apply(thread: Thread, fact: Fact, policy: Policy) -> Step:
    """Apply one fact that is not older than any before it."""
    step = _applied(replace(thread, newest=max(thread.newest, place(fact))), fact, policy)
    run = step.thread.run
    if run is None:
        return step
    before = thread.run if thread.run and thread.run.opened_by == run.opened_by else None
    after = told(before, run, fact)
    return step if after is run else replace(step, thread=replace(step.thread, run=after))


def _applied(thread: Thread, fact: Fact, policy: Policy) -> Step:
    match fact:
        case MessageReceived():
            return said(thread, fact, policy)
        case Assigned():
            return assigned(thread, fact, policy)
        case AssigneeSeen():
            return seen(thread, fact, policy)
        case HandedOver():
            return handed_over(thread, fact, policy)
        case ResponsibleSet():
            return responsible_set(thread, fact, policy)
        case DeadlinePassed():
            return late(thread, fact)
        case HandedBack():
            return handed_back(thread, fact, policy)
        case CopilotSet():
            return copilot(thread, fact, policy)
        case Closed() | Finished():
            return ended(thread, fact, fact.by)
        case ConversationDeleted():
            return ended(replace(thread, deleted=True), fact, SYSTEM)
        case Reopened():
            return Step(thread=thread, markers=(marker(fact, "reopened", fact.by),))
        case Snoozed():
            kind: Literal["snoozed", "unsnoozed"] = "snoozed" if fact.on else "unsnoozed"
            return Step(thread=thread, markers=(marker(fact, kind, fact.by),))
        case NoteAdded():
            return Step(thread=thread)
        case _:
            assert_never(fact)
