"""Copilot: the AI drafts, a person edits and sends, or discards."""

from __future__ import annotations

from typing import Any

from gateway.conversations import drafts
from gateway.conversations.doors.callers import (
    Caller,
    Done,
    act_of,
    assignee_of,
    not_blank,
    permitted,
    seat_of,
)
from gateway.conversations.doors.owing import act_and_assign
from gateway.conversations.doors.writing import write_message
from gateway.errors import Conflict
from gateway.events import CopilotSet
from gateway.policy import Terms
from gateway.store import Transaction


def set_copilot(
    db: Transaction, terms: Terms, session_id: str, caller: Caller, *, on: bool, now: int
) -> Done:
    """Let the AI draft for the caller (`on`), or go on without it; the session is the caller's."""
    held, row = permitted(db, session_id, caller, "use the copilot")
    if (row.mode == "copilot") == on:
        raise Conflict(f"Copilot is already {'on' if on else 'off'}")
    if not on and row.mode == "ai":
        raise Conflict("Session is handled by the AI; there is no copilot to switch off")
    as_operator = seat_of(terms, caller) if on else caller.as_operator
    act = CopilotSet(**act_of(held, now), by=caller.actor, on=on)
    to = assignee_of(terms, caller) if as_operator is not None else None
    outcome = act_and_assign(db, terms, held, session_id, act, to, now)
    return Done(session_id=session_id, owed=outcome.owed)


def send_draft(
    db: Transaction,
    terms: Terms,
    session_id: str,
    caller: Caller,
    *,
    draft_id: str,
    text: str | None,
    now: int,
) -> Done:
    """Say a draft to the customer as the caller, as it is or as they edited it.

    Raises Conflict if it was used, discarded or overtaken by other words.
    """
    permitted(db, session_id, caller, "send drafts")
    draft = _open(db, session_id, draft_id)
    said = draft.text if text is None else text
    not_blank(said)
    # First: what is said now makes every open draft old.
    state = "sent" if said.strip() == draft.text.strip() else "edited"
    drafts.end(db, [draft_id], state, now, by=caller.id)
    done = write_message(db, terms, session_id, caller, text=said, now=now)
    drafts.name_sent(db, draft_id, done.message_id)
    return done


def discard_draft(
    db: Transaction, terms: Terms, session_id: str, caller: Caller, *, draft_id: str, now: int
) -> Done:
    """Put a draft aside; it is kept with who did not want it."""
    permitted(db, session_id, caller, "discard drafts")
    _open(db, session_id, draft_id)
    drafts.end(db, [draft_id], "discarded", now, by=caller.id)
    return Done(session_id=session_id, message_id=draft_id)


def _open(db: Transaction, session_id: str, draft_id: str) -> Any:
    draft = drafts.find(db, session_id, draft_id)
    if draft.state != "open":
        raise Conflict(
            f"This draft {drafts.ENDED[draft.state]}; write what should be said now",
            details={"state": draft.state},
        )
    return draft
