"""Facts in few words, at whole seconds, for tests of the pure fold."""

from __future__ import annotations

from typing import Any

from gateway.events import (
    NOBODY,
    STEP_ASSIGNED,
    STEP_CLOSED,
    STEP_REOPENED,
    STEP_SAID,
    STEP_SEEN,
    Actor,
    Assigned,
    Assignee,
    AssigneeSeen,
    Closed,
    CopilotSet,
    Fact,
    Finished,
    HandedBack,
    HandedOver,
    MessageReceived,
    NoteAdded,
    Position,
    Reopened,
    Snoozed,
)
from gateway.handover import Run, Story, fold
from gateway.policy import Policy

CUSTOMER = Actor(kind="customer", id="c1", name="Cleo")
AI = Actor(kind="ai", id="814860", name="Sage")
AOIFE = Actor(kind="operator", id="11", name="Aoife")
MAREK = Actor(kind="operator", id="12", name="Marek")
FIN = Actor(kind="bot", id="99", name="Fin")
SAM = Actor(kind="operator", id="opr_sam", name="Sam")

BOT = Assignee(kind="ai", id="814860")
TO_AOIFE = Assignee(kind="operator", id="11")
TO_MAREK = Assignee(kind="operator", id="12")
TEAM = Assignee(kind="team", id="7")
TO_FIN = Assignee(kind="bot", id="99")


def at(second: int, step: int = 0, number: int | None = None) -> Position:
    return Position(second * 1_000_000, second if number is None else number, step)


def _base(second: int, step: int, **more: Any) -> dict[str, Any]:
    return {"conversation": "1", "id": f"p{second}", "at": at(second, step), **more}


def says(second: int, author: Actor = CUSTOMER, **more: Any) -> MessageReceived:
    return MessageReceived(**{**_base(second, STEP_SAID), "author": author, "text": "…", **more})


def notes(second: int, author: Actor = AOIFE) -> NoteAdded:
    return NoteAdded(**_base(second, STEP_SAID), author=author, text="…")


def assigns(second: int, to: Assignee, by: Actor = AOIFE, **more: Any) -> Assigned:
    return Assigned(**{**_base(second, STEP_ASSIGNED), "to": to, "by": by, **more})


def sees(second: int, assignee: Assignee, read: bool = False) -> AssigneeSeen:
    return AssigneeSeen(**_base(second, STEP_SEEN), assignee=assignee, read=read)


def closes(second: int, by: Actor = AOIFE) -> Closed:
    return Closed(**_base(second, STEP_CLOSED), by=by)


def reopens(second: int) -> Reopened:
    return Reopened(**_base(second, STEP_REOPENED), by=AOIFE)


def snoozes(second: int, on: bool = True) -> Snoozed:
    return Snoozed(**_base(second, STEP_CLOSED), by=AOIFE, on=on)


def hands_over(second: int, to: Assignee = NOBODY, id: str = "") -> HandedOver:
    return HandedOver(
        conversation="1",
        id=id or f"act{second}",
        at=at(second, number=-1),
        trigger="manual",
        by=SAM,
        reason="refund",
        to=to,
    )


def hands_back(second: int) -> HandedBack:
    return HandedBack(conversation="1", id=f"act{second}", at=at(second, number=-1), by=SAM)


def copilot(second: int, on: bool = True) -> CopilotSet:
    return CopilotSet(conversation="1", id=f"act{second}", at=at(second, number=-1), by=SAM, on=on)


def finishes(second: int) -> Finished:
    return Finished(conversation="1", id=f"act{second}", at=at(second, 99), by=SAM)


def told(*facts: Fact, **policy: Any) -> Story:
    return fold(facts, Policy(**policy))


def last(*facts: Fact, **policy: Any) -> Run:
    run = told(*facts, **policy).thread.run
    assert run is not None
    return run


def kinds(*facts: Fact, **policy: Any) -> list[str]:
    return [marker.kind for _, marker in told(*facts, **policy).markers]
