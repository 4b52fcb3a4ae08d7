"""What people may ask for at our doors: hand over, hand back, copilot, finish, write.

Only these can be refused; whatever a channel reports is absorbed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row, func, select

from gateway.commands import AddNote, Assign, Close, Command, SendMessage
from gateway.conversations import history, pushes, record
from gateway.conversations.record import Outcome
from gateway.conversations.thread import Held, lock_session
from gateway.errors import Conflict, Forbidden, Ours, Unreadable
from gateway.events import (
    Actor,
    Assignee,
    CopilotSet,
    Finished,
    HandedBack,
    HandedOver,
    HandoverRequest,
    Position,
    Trigger,
)
from gateway.policy import Terms
from gateway.store import Transaction, new_id
from gateway.store.models import Push

Role = Literal["admin", "operator", "viewer"]

FINISHED = "Session is already finished"
HANDLED = "Session is already handled by an operator"
NOT_PERMITTED = "You do not have permission to hand over sessions"
MAY_ACT = ("admin", "operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The operator behind a call; `as_operator` is who they are in the session's channel."""

    id: str
    name: str
    role: Role
    as_operator: str | None = None

    @property
    def actor(self) -> Actor:
        """The caller as the record names them."""
        return Actor(kind="operator", id=self.id, name=self.name)


@dataclass(slots=True, kw_only=True)
class Done:
    """What an act came to: what to wake, and how many AI messages were on the wire already."""

    session_id: str
    owed: set[str] = field(default_factory=set)
    in_flight: int = 0
    message_id: str | None = None


def handover_refusal(role: str, status: str, mode: str) -> str | None:
    """Why this caller may not hand the session over now, in the exact words; None if they may."""
    if role not in MAY_ACT:
        return NOT_PERMITTED
    if status == "finished":
        return FINISHED
    return HANDLED if mode in ("human", "copilot") else None


def hand_over(
    db: Transaction,
    terms: Terms,
    session_id: str,
    caller: Caller,
    *,
    reason: str,
    link: str,
    now: int,
) -> Done:
    """Give the session to people at once. Raises Forbidden or Conflict, in M9's three sentences."""
    held, row = lock_session(db, session_id)
    refusal = handover_refusal(caller.role, row.status, row.mode)
    if refusal == NOT_PERMITTED:
        raise Forbidden(refusal)
    if refusal is not None:
        raise Conflict(refusal)
    return give_to_people(
        db, terms, held, session_id,
        trigger="manual", by=caller.actor, reason=reason, link=link, now=now,
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
) -> Done:
    """Change the mode, then owe the channel last words, note, notice and assignment, in order."""
    to = terms.channel.hand_over_to
    act = HandedOver(**_act(held, now), trigger=trigger, by=by, reason=reason, to=to)
    outcome = record.apply(db, terms, held, [act], now=now, source="act")
    owing = Owing(db, terms, held, session_id, outcome, now)
    for text in last_words or ():
        owing.words("last_words", text, Actor(kind="ai", name=terms.agent.name))
    owing.words("note", _note(by, reason, summary, results or {}, link), by)
    if terms.agent.handover_message:
        # Before the assignment: where nobody holds a conversation, writing in it takes it back.
        owing.words("notice", terms.agent.handover_message, Actor(kind="system"))
    owing.owe(act.id, "assignment", Assign(conversation=held.external_id, to=to))
    in_flight = db.scalar(
        select(func.count()).where(
            Push.session_id == session_id,
            Push.overlapped.is_(True),
            Push.state.in_(("sending", "unknown")),
        )
    )
    return Done(session_id=session_id, owed=outcome.owed, in_flight=in_flight or 0)


def hand_back(db: Transaction, terms: Terms, session_id: str, caller: Caller, *, now: int) -> Done:
    """Put the AI back in charge; the channel's assignment is owed before any word of the AI."""
    held, row = _permitted(db, session_id, caller, "hand sessions back")
    if row.mode == "ai":
        raise Conflict("Session is already handled by the AI")
    if held.thread.email and not terms.channel.policy.answer_email:
        raise Conflict("E-mail conversations are answered by people in this channel")
    act = HandedBack(**_act(held, now), by=caller.actor)
    outcome = record.apply(db, terms, held, [act], now=now, source="act")
    owing = Owing(db, terms, held, session_id, outcome, now)
    owing.owe(act.id, "assignment", Assign(conversation=held.external_id, to=terms.channel.ai))
    return Done(session_id=session_id, owed=outcome.owed)


def set_copilot(
    db: Transaction, terms: Terms, session_id: str, caller: Caller, *, on: bool, now: int
) -> Done:
    """Let the AI draft for the caller (`on`), or go on without it; the session is the caller's."""
    held, row = _permitted(db, session_id, caller, "use the copilot")
    if (row.mode == "copilot") == on:
        raise Conflict(f"Copilot is already {'on' if on else 'off'}")
    if not on and row.mode == "ai":
        raise Conflict("Session is handled by the AI; there is no copilot to switch off")
    as_operator = _as_operator(terms, caller) if on else caller.as_operator
    act = CopilotSet(**_act(held, now), by=caller.actor, on=on)
    outcome = record.apply(db, terms, held, [act], now=now, source="act")
    owing = Owing(db, terms, held, session_id, outcome, now)
    if as_operator is not None:
        to = Assignee(kind="operator", id=as_operator)
        owing.owe(act.id, "assignment", Assign(conversation=held.external_id, to=to))
    return Done(session_id=session_id, owed=outcome.owed)


def finish(
    db: Transaction, terms: Terms, session_id: str, by: Caller, *, reason: str, now: int
) -> Done:
    """End the session for an operator, and close it in the channel."""
    held, _ = _permitted(db, session_id, by, "finish sessions")
    return end(db, terms, held, session_id, by=by.actor, reason=reason, now=now)


def end(
    db: Transaction,
    terms: Terms,
    held: Held,
    session_id: str,
    *,
    by: Actor,
    reason: str,
    now: int,
    last_words: list[str] | None = None,
) -> Done:
    """End the session: the customer's words known so far belong to it, later ones open another."""
    newest = held.thread.newest[0]
    after_all_known = Position(newest.at, newest.number, newest.step + 10)
    act = Finished(**_act(held, now, at=after_all_known), by=by, reason=reason)
    outcome = record.apply(db, terms, held, [act], now=now, source="act")
    owing = Owing(db, terms, held, session_id, outcome, now)
    for text in last_words or ():
        owing.words("last_words", text, Actor(kind="ai", name=terms.agent.name))
    owing.owe(act.id, "close", Close(conversation=held.external_id))
    return Done(session_id=session_id, owed=outcome.owed)


def write_message(
    db: Transaction, terms: Terms, session_id: str, caller: Caller, *, text: str, now: int
) -> Done:
    """Say something to the customer as the caller; writing into an AI session takes it over."""
    held, row = _permitted(db, session_id, caller, "write")
    _not_blank(text)
    as_operator = _as_operator(terms, caller)
    owed: set[str] = set()
    if row.mode == "ai":
        to = (
            Assignee(kind="operator", id=as_operator) if as_operator else terms.channel.hand_over_to
        )
        act = HandedOver(**_act(held, now), trigger="reply", by=caller.actor, to=to)
        outcome = record.apply(db, terms, held, [act], now=now, source="act")
        owing = Owing(db, terms, held, session_id, outcome, now)
        owing.owe(act.id, "assignment", Assign(conversation=held.external_id, to=to))
        owed |= outcome.owed
    owing = Owing(db, terms, held, session_id, Outcome(owed=owed), now, epoch=row.epoch)
    message_id = owing.words("operator", text, caller.actor, as_operator=as_operator)
    return Done(session_id=session_id, owed=owed, message_id=message_id)


def write_note(
    db: Transaction, terms: Terms, session_id: str, caller: Caller, *, text: str, now: int
) -> Done:
    """Leave a note for the people inside, in the record and in the channel."""
    if caller.role not in MAY_ACT:
        raise Forbidden("You do not have permission to write")
    held, row = lock_session(db, session_id)
    _not_blank(text)
    outcome = Outcome()
    owing = Owing(db, terms, held, session_id, outcome, now, epoch=row.epoch)
    message_id = owing.words("note", text, caller.actor, as_operator=_as_operator(terms, caller))
    return Done(session_id=session_id, owed=outcome.owed, message_id=message_id)


def handover_allowed(terms: Terms, request: HandoverRequest) -> str | None:
    """Why the configuration refuses the agent's request for a person; None if it does not."""
    if not terms.agent.allow_handover:
        return "handover refused: allow_handover is off for this agent"
    if request.trigger == "customer_request" and not terms.agent.allow_customer_request:
        return "handover refused: allow_customer_request is off for this agent"
    return None


# -- what they share -------------------------------------------------------------------------------


class Owing:
    """Owes a session's channel several things, in order, within one transaction."""

    def __init__(
        self,
        db: Transaction,
        terms: Terms,
        held: Held,
        session_id: str,
        outcome: Outcome,
        now: int,
        epoch: int | None = None,
    ) -> None:
        if epoch is None and outcome.session is None:
            raise Ours("an act left no session behind", details={"session": session_id})
        self._db, self._terms, self._held, self._now = db, terms, held, now
        self._session_id = session_id
        self._outcome = outcome
        self._epoch = outcome.session.epoch if outcome.session else epoch or 0
        self._said = 0

    def owe(self, cause: str, role: str, command: Command, message_id: str | None = None) -> None:
        done = pushes.owe(
            self._db, self._held, self._terms.channel,
            session_id=self._session_id, epoch=self._epoch, cause=cause, role=role,
            command=command, now=self._now, message_id=message_id,
        )  # fmt: skip
        if done:
            self._outcome.owed.add("deliver")

    def words(self, role: str, text: str, author: Actor, *, as_operator: str | None = None) -> str:
        """Record words of ours and owe them; notes and drafts are owed as notes."""
        kind = role if role in ("note", "draft") else "message"
        message_id = history.write_own(
            self._db, self._held,
            session_id=self._session_id, kind=kind, author=author, text=text,
            html=self._terms.channel.render(text), state="owed", now=self._now, index=self._said,
        )  # fmt: skip
        self._said += 1
        conversation = self._held.external_id
        command: Command = (
            SendMessage(conversation=conversation, text=text, as_operator=as_operator)
            if kind == "message"
            else AddNote(conversation=conversation, text=text, as_operator=as_operator)
        )
        self.owe(message_id, role, command, message_id)
        return message_id


def _act(held: Held, now: int, at: Position | None = None) -> dict[str, Any]:
    """Where an act of ours stands: now, in the channel's seconds, and after all that is known.

    Channels tell whole seconds. Before everything of its own second that is still to be heard:
    a takeover in the same second as a hand-back must win.
    """
    newest = held.thread.newest[0]
    after_known = Position(newest.at, newest.number, newest.step + 10)
    at = at or max(Position(now - now % 1_000_000, -1), after_known)
    return {"conversation": held.external_id, "id": new_id("act"), "at": at, "moment": now}


def _permitted(
    db: Transaction, session_id: str, caller: Caller, what: str
) -> tuple[Held, Row[*tuple[Any, ...]]]:
    if caller.role not in MAY_ACT:
        raise Forbidden(f"You do not have permission to {what}")
    held, row = lock_session(db, session_id)
    if row.status == "finished":
        raise Conflict(FINISHED)
    return held, row


def _as_operator(terms: Terms, caller: Caller) -> str | None:
    """Who the caller is in a channel that has people of its own; raises Conflict if nobody."""
    if "assign" not in terms.channel.pushes:
        return None
    if caller.as_operator is None:
        raise Conflict(
            f"You are not linked to a person in {terms.channel.name}; an administrator can do it: "
            f"gateway operators add … --link {terms.channel.name}:ADMIN_ID"
        )
    return caller.as_operator


def _not_blank(text: str) -> None:
    if not text.strip():
        raise Unreadable("text must not be blank")


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
