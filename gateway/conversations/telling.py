"""Telling others what became of a session: the difference between before and after, as events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gateway import feed
from gateway.conversations.runs import SessionRef
from gateway.conversations.thread import Held
from gateway.handover import Marker, Run
from gateway.store import Transaction

_ASSIGNED = ("assigned", "assigned_team", "assigned_bot", "unassigned")


def tell_change(
    db: Transaction,
    held: Held,
    ref: SessionRef,
    before: Run | None,
    run: Run,
    markers: Sequence[Marker],
    now: int,
) -> None:
    """Tell how a session changed, if it did; `ref.state` is still the one before.

    What happened and was undone within one report is told where it left a trace (a handover), and
    else not: readers follow the record, not what it passed through.
    """
    told: list[tuple[feed.Kind, dict[str, Any] | None]] = []
    if ref.new:
        told.append(("session.started", None))
    handed_over = _handed_over(ref, before, run)
    if handed_over:
        told.append(("session.handed_over", _why(run)))
    if _assigned(ref, before, run):
        told.append(("session.assigned", _by(markers, *_ASSIGNED)))
    if run.state == "ai" and (handed_over or ref.state in ("human", "copilot")):
        told.append(("session.returned", _by(markers, "returned")))
    if run.state == "finished" and ref.state != "finished":
        told.append(("session.finished", _by(markers, "finished")))
    if not told and ref.state != run.state:
        told.append(("session.updated", _by(markers, "copilot_on", "copilot_off", "reopened")))
    for kind, data in told:
        feed.tell(db, kind, at=now, session_id=ref.id, conversation_id=held.id, data=data)


def _handed_over(ref: SessionRef, before: Run | None, run: Run) -> bool:
    if ref.new:
        return run.last_handover is not None
    if before is None:  # not the latest session of its conversation: only its state is known
        return ref.state == "ai" and run.state == "human"
    return run.last_handover is not None and run.last_handover != before.last_handover


def _assigned(ref: SessionRef, before: Run | None, run: Run) -> bool:
    """True if somebody else is responsible now, other than by being given to the AI."""
    now = run.responsible
    if now.kind == "ai" or (before is None and not ref.new):
        return False
    if before is not None and (
        (before.responsible.kind, before.responsible.id, before.responsible.team)
        == (now.kind, now.id, now.team)
    ):
        return False
    nobody = now.kind == "unassigned" and now.team is None
    # From the AI to nobody in particular: that is the handover itself.
    return not (nobody and (before is None or before.responsible.kind == "ai"))


def _why(run: Run) -> dict[str, Any] | None:
    handover = run.last_handover
    if handover is None:
        return None
    return {
        "trigger": handover.trigger,
        "reason": handover.reason,
        "by": asdict(handover.by),
    }


def _by(markers: Sequence[Marker], *kinds: str) -> dict[str, Any] | None:
    """Who did it, by the newest line of the history that says so."""
    for marker in reversed(markers):
        if marker.kind in kinds:
            return {"by": asdict(marker.by)}
    return None
