"""What follows when a session changes hands: what is cancelled, what is owed, who is asked."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.commands import Assign
from gateway.conversations import pushes, turns
from gateway.conversations.runs import SessionRef
from gateway.conversations.thread import Held
from gateway.events import Assignee
from gateway.handover import Run
from gateway.policy import Terms
from gateway.store import Transaction

HOUR_US = 3_600_000_000

# Intercom may delay a notification by two hours; an older one starts no turn.
_DELAYED_US = 2 * HOUR_US


@dataclass(slots=True, kw_only=True)
class Change:
    """One session before and after. `moved`: folding again gave it other cuts or another state.

    `found_late` comes out of `follow`: a customer's word was found too late for the AI to answer.
    """

    ref: SessionRef
    before: Run | None
    after: Run
    customer_spoke: bool
    latest: bool
    moved: bool = False
    found_late: bool = False


def follow(
    db: Transaction,
    terms: Terms,
    held: Held,
    change: Change,
    *,
    now: int,
    source: str,
    owed: set[str],
) -> None:
    """Raise the epoch where the mode changed, and do what that asks for."""
    ref, run = change.ref, change.after
    changed = not ref.new and ref.state != run.state
    if changed or change.moved:
        ref.epoch += 1
        _stop_ai(db, ref, run, now)
    entered = ref.new or changed or change.moved
    if run.state == "human" and source != "history":
        _agree_with_channel(db, terms, held, change, now, owed)
    elif run.state in ("ai", "copilot") and change.latest and source != "history":
        returned = changed and run.state == "ai" and ref.state in ("human", "copilot")
        fresh = _fresh(terms, run, source, now)
        ask = change.customer_spoke and fresh
        ask = ask or (entered and run.customer_spoke_last and (returned or fresh))
        change.found_late = source == "read" and _found_late(terms, change, now)
        if ask:
            cause = "draft" if run.state == "copilot" else "returned" if returned else "message"
            turns.owe(db, held, ref, cause, terms.agent, now)
            owed.add("turns")
    ref.state = run.state


def _stop_ai(db: Transaction, ref: SessionRef, run: Run, now: int) -> None:
    why = _why(run)
    turns.discard_open(db, ref, why, now)
    back = run.state in ("finished", "ai")
    pushes.cancel(db, why=why, now=now, session_id=ref.id, ours_too=back)
    if run.state in ("human", "copilot"):
        pushes.mark_overlapped(db, ref.id)


def _agree_with_channel(
    db: Transaction, terms: Terms, held: Held, change: Change, now: int, owed: set[str]
) -> None:
    """A person took over by replying: let the channel show that they hold the conversation."""
    handover, fence = change.after.last_handover, held.thread.fence
    if handover is None or handover.trigger != "reply" or fence is None or not change.latest:
        return
    if change.before is not None and change.before.last_handover == handover:
        return
    holder = change.after.responsible
    if holder.kind != "operator" or holder.id is None:
        return
    command = Assign(conversation=held.external_id, to=Assignee(kind="operator", id=holder.id))
    if pushes.owe(
        db, held, terms.channel,
        session_id=change.ref.id, epoch=change.ref.epoch, cause=fence,
        role="assignment", command=command, now=now,
    ):  # fmt: skip
        owed.add("deliver")


def _fresh(terms: Terms, run: Run, source: str, now: int) -> bool:
    """True if the last word is young enough for a turn, by how we came to know of it."""
    late = _us(terms.channel.answer_late_s)
    limit = {"delivery": _DELAYED_US, "read": late, "receipt": late}.get(source)
    return limit is None or now - run.last_public_at.at <= limit


def _found_late(terms: Terms, change: Change, now: int) -> bool:
    """True if a customer waits for an answer to a word too old for the AI, not yet history."""
    waits = change.customer_spoke and change.after.customer_spoke_last
    age = now - change.after.last_public_at.at
    channel = terms.channel
    return waits and _us(channel.answer_late_s) < age <= _us(channel.hand_over_late_s)


def _us(seconds: float) -> int:
    return int(seconds * 1_000_000)


def _why(run: Run) -> str:
    if run.state == "finished":
        return "the session is finished"
    handover = run.last_handover
    if run.state == "human" and handover is not None:
        return f"the session was handed to people ({handover.trigger})"
    if run.state == "human":
        return "the session is with people"
    return "the session changed hands meanwhile"
