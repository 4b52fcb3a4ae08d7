"""The change of hands: from the AI to people, and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select

from gateway.commands import Assign
from gateway.conversations import record
from gateway.conversations.doors.callers import (
    NOT_PERMITTED,
    Caller,
    Done,
    Person,
    act_of,
    assignee_of,
    handover_refusal,
    permitted,
)
from gateway.conversations.doors.ending import speak_first
from gateway.conversations.doors.owing import Owing, act_and_assign
from gateway.conversations.reception import Receive, always_open, queue_words
from gateway.conversations.thread import Held, lock_session
from gateway.errors import Conflict, Forbidden
from gateway.events import Actor, Assignee, HandedBack, HandedOver, HandoverRequest, Trigger
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.store.models import Push
from gateway.store.prepared import Prepared
from gateway.store.sql import literals

_IN_FLIGHT = Prepared(
    lambda _: select(func.count().label("in_flight")).where(
        Push.session_id == bindparam("session"),
        Push.overlapped.is_(True),
        Push.state.in_(literals("sending", "unknown")),
    )
)


def hand_over(
    db: Transaction,
    terms: Terms,
    session_id: str,
    caller: Caller,
    *,
    reason: str,
    link: str,
    now: int,
    target: Person | None = None,
    reception: Receive = always_open,
) -> Done:
    """Give the session to people at once, or to the one whom the caller names.

    Raises Forbidden or Conflict, in M9's three sentences.
    """
    held, row = lock_session(db, session_id)
    refusal = handover_refusal(caller.role, row.status, row.mode)
    if refusal == NOT_PERMITTED:
        raise Forbidden(refusal)
    if refusal is not None:
        raise Conflict(refusal)
    return give_to_people(
        db, terms, held, session_id,
        trigger="manual", by=caller.actor, reason=reason, link=link, now=now,
        to=None if target is None else assignee_of(terms, target), reception=reception,
    )  # fmt: skip


def give_to_people(
    db: Transaction,
    terms: Terms,
    held: Held,
    session_id: str,
    *,
    trigger: Trigger,
    by: Actor,
    reason: str,
    link: str,
    now: int,
    summary: str = "",
    results: dict[str, Any] | None = None,
    last_words: list[str] | None = None,
    to: Assignee | None = None,
    reception: Receive = always_open,
) -> Done:
    """Change the mode, then owe the channel last words, note, notice and assignment, in order."""
    done = Done(session_id=session_id)
    said = speak_first(db, terms, held, session_id, last_words or [], now, done)
    to = to or terms.channel.hand_over_to
    act = HandedOver(**act_of(held, now), trigger=trigger, by=by, reason=reason, to=to)
    outcome = record.apply(db, terms, held, [act], now=now, source="act")
    owing = Owing(db, terms, held, session_id, outcome, now)
    for text in [] if said else last_words or []:
        owing.words("last_words", text, Actor(kind="ai", name=terms.agent.name))
    owing.words("note", _note(by, reason, summary, results or {}, link), by)
    # Before the assignment: where nobody holds a conversation, writing in it takes it back.
    stands = reception(db, terms.agent.name, now)
    if words := queue_words(db, terms, session_id, stands.welcome(terms.agent), stands):
        owing.words("notice", words, Actor(kind="system"))
    owing.owe(act.id, "assignment", Assign(conversation=held.external_id, to=to))
    done.owed |= outcome.owed
    done.in_flight = _IN_FLIGHT.run(db, {"session": session_id})[0].in_flight
    return done


def hand_back(db: Transaction, terms: Terms, session_id: str, caller: Caller, *, now: int) -> Done:
    """Put the AI back in charge; the channel's assignment is owed before any word of the AI."""
    held, row = permitted(db, session_id, caller, "hand sessions back")
    if row.mode == "ai":
        raise Conflict("Session is already handled by the AI")
    if held.thread.email and not terms.channel.policy.answer_email:
        raise Conflict("E-mail conversations are answered by people in this channel")
    return return_to_ai(db, terms, held, session_id, by=caller.actor, now=now)


def return_to_ai(
    db: Transaction, terms: Terms, held: Held, session_id: str, *, by: Actor, now: int
) -> Done:
    """Put the AI back in charge of a session that people hold."""
    act = HandedBack(**act_of(held, now), by=by)
    outcome = act_and_assign(db, terms, held, session_id, act, terms.channel.ai, now)
    return Done(session_id=session_id, owed=outcome.owed)


def handover_allowed(terms: Terms, request: HandoverRequest) -> str | None:
    """Why the configuration refuses the agent's request for a person; None if it does not."""
    if not terms.agent.allow_handover:
        return "handover refused: allow_handover is off for this agent"
    if request.trigger == "customer_request" and not terms.agent.allow_customer_request:
        return "handover refused: allow_customer_request is off for this agent"
    return None


def _note(by: Actor, reason: str, summary: str, results: dict[str, Any], link: str) -> str:
    who = {"ai": "the AI", "system": "the gateway"}.get(by.kind, by.name or "an operator")
    lines = [f"**Handed over by {who}**"]
    if reason:
        lines.append(f"Reason: {reason}")
    if summary:
        lines.append(f"Summary: {summary}")
    lines += [f"{name}: {value}" for name, value in results.items()]
    if link:
        lines.append(f"[Open the session]({link})")
    return "\n\n".join(lines)
