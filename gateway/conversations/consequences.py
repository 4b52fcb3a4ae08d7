"""What follows when a session changes hands: what is cancelled, what is owed, who is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.commands import Assign
from gateway.conversations import drafts, history, offers, pushes, telling, turns
from gateway.conversations.runs import SessionRef
from gateway.conversations.thread import Held, read_by
from gateway.events import Assignee, Position
from gateway.handover import Marker, Run
from gateway.policy import Terms
from gateway.store import Transaction

HOUR_US = 3_600_000_000

# Intercom may delay a notification by two hours; an older one starts no turn.
_DELAYED_US = 2 * HOUR_US


@dataclass(slots=True, kw_only=True)
class Change:
    """One session before and after. `moved`: folding again gave it other cuts or another state.

    `markers` are the lines that it left in the history, or all of the session's.
    `spoke_at`: the place of the customer's latest word among what is new. `found_late` comes out of
    `follow`: a customer's word was found too late for the AI to answer.
    Of what is imported: `asleep` says that nobody had heard of the conversation by other ways,
    `awaited` that an answer of the AI's was under way in it.
    """

    ref: SessionRef
    before: Run | None
    after: Run
    spoke_at: Position | None
    latest: bool
    moved: bool = False
    markers: Sequence[Marker] = ()
    found_late: bool = False
    asleep: bool = False
    awaited: bool = False


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
    imported = source == "history"
    _wake(change, now, imported=imported)
    if not imported or not ref.asleep:  # imports never speak, but of what is alive
        telling.tell_change(db, held, ref, change.before, run, change.markers, now)
    changed = not ref.new and ref.state != run.state
    if changed or change.moved:
        ref.epoch += 1
        _stop_ai(db, ref, run, now)
    entered = ref.new or changed or change.moved
    _end_what_is_over(db, change, now)
    if run.state == "human" and not imported:
        _agree_with_channel(db, terms, held, change, now, owed)
    elif run.state in ("ai", "copilot") and change.latest:
        returned = changed and run.state == "ai" and ref.state in ("human", "copilot")
        if imported:
            # It begins nothing. What it stopped, because it moved a cut, goes on.
            ask = change.awaited and entered and run.customer_spoke_last
        elif source in ("read", "receipt"):
            waits_since = _waits_since(db, held, change, entered=entered, returned=returned)
            ask = waits_since is not None and _is_fresh(terms, waits_since, now)
            change.found_late = waits_since is not None and _is_late(terms, run, waits_since, now)
        else:
            fresh = source != "delivery" or now - run.last_public_at.at <= _DELAYED_US
            ask = change.spoke_at is not None and fresh
            # Among people, a notice of ours may have come after it: that answers nothing. A channel
            # that is told of our words by itself may have had the answer, too, as its own.
            ours = not terms.channel.policy.native_assignment
            from_people = ours and (returned or run.state == "copilot")
            waits = run.customer_spoke_last or (from_people and run.customer_since is not None)
            waits = waits or (returned and _spoken_over(db, change))
            ask = ask or (entered and waits and (returned or fresh))
        if ask:
            cause = "draft" if run.state == "copilot" else "returned" if returned else "message"
            turns.owe(db, held, ref, cause, terms.agent, now)
            owed.add("turns")
        elif returned and source == "delivery":
            # Nobody waits, as far as we know. What people and the customer said may not have come.
            read_by(db, held, now)
            owed.add("sync")
    ref.state = run.state


def _wake(change: Change, now: int, *, imported: bool) -> None:
    """What was imported sleeps until something happens in it: only then anything is counted."""
    ref = change.ref
    if imported:
        if ref.new:
            ref.asleep = change.asleep
        if not ref.asleep:
            ref.counts_from = now  # old words that come to light make nobody late at once
    elif ref.asleep and change.latest:
        ref.asleep, ref.counts_from = False, now


def _stop_ai(db: Transaction, ref: SessionRef, run: Run, now: int) -> None:
    why = _why(run)
    turns.discard_open(db, ref, why, now)
    back = run.state in ("finished", "ai")
    pushes.cancel(db, why=why, now=now, session_id=ref.id, ours_too=back)
    if run.state in ("human", "copilot"):
        pushes.mark_overlapped(db, ref.id)


def _end_what_is_over(db: Transaction, change: Change, now: int) -> None:
    """Offers to people of what somebody has, and drafts of what is answered."""
    before, run = change.before, change.after
    waited = before is not None and before.wait is not None and before.wait.step == "accept"
    if (waited or change.moved) and (run.wait is None or run.wait.step != "accept"):
        taken = run.is_with_people and run.responsible.kind == "operator"
        offers.end(db, change.ref.id, "accepted" if taken else "withdrawn", now)
    if change.ref.state == "copilot":
        spoken = before is None or before.last_public_at != run.last_public_at
        if spoken or run.state != "copilot":
            drafts.expire(db, change.ref.id, now)


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


def _waits_since(
    db: Transaction, held: Held, change: Change, *, entered: bool, returned: bool
) -> int | None:
    """Since when (µs) a customer waits for the AI, by what reading the channel brought to light.

    None if nobody waits: the last word is not the customer's, or is no news. A word of theirs just
    before one of the AI's was not answered by it, unless the AI was told of a later one.
    """
    run = change.after
    if change.spoke_at is None and not entered:
        return None
    if run.customer_spoke_last:
        since = run.last_public_at.at
        return max(since, held.thread.assignee_at.at) if returned else since
    if change.spoke_at is None or run.person_spoke_last:
        return None
    overtaken = not change.ref.new and history.told_after(db, change.ref.id, change.spoke_at)
    return None if overtaken else change.spoke_at.at


def _spoken_over(db: Transaction, change: Change) -> bool:
    """True if the last word is the AI's, and yet no answer to the customer's.

    It was on the wire when people took over, and the customer wrote before it landed.
    """
    before, run = change.before, change.after
    if before is None or run.customer_spoke_last or run.person_spoke_last:
        return False
    return before.customer_since is not None and history.is_untold(db, change.ref.id)


def _is_fresh(terms: Terms, since: int, now: int) -> bool:
    """True if a word found by reading is young enough for the AI to answer."""
    return now - since <= _us(terms.channel.answer_late_s)


def _is_late(terms: Terms, run: Run, since: int, now: int) -> bool:
    """True if a word found by reading is too old for the AI, and not yet history."""
    channel = terms.channel
    age = now - since
    return run.state == "ai" and _us(channel.answer_late_s) < age <= _us(channel.hand_over_late_s)


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
