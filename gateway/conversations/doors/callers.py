"""Who acts, what they may do, and what an act comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row, select

from gateway.conversations.thread import Held, lock_session
from gateway.errors import Conflict, Forbidden, Unreadable
from gateway.events import Actor, Assignee, Position
from gateway.policy import Terms
from gateway.store import Transaction, new_id
from gateway.store.models import Operator, OperatorLink, Staff

Role = Literal["admin", "operator", "viewer"]

FINISHED = "Session is already finished"
HANDLED = "Session is already handled by an operator"
NOT_PERMITTED = "You do not have permission to hand over sessions"
MAY_ACT: tuple[Role, ...] = ("admin", "operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An operator; `as_operator` is who they are in the session's channel."""

    id: str
    name: str
    as_operator: str | None = None

    @property
    def actor(self) -> Actor:
        """The person as the record names them."""
        return Actor(kind="operator", id=self.id, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(Person):
    """The operator behind a call."""

    role: Role


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


def permitted(
    db: Transaction, session_id: str, caller: Caller, what: str
) -> tuple[Held, Row[*tuple[Any, ...]]]:
    """Lock an active session for somebody who may act. Raises Forbidden, NotFound, Conflict."""
    if caller.role not in MAY_ACT:
        raise Forbidden(f"You do not have permission to {what}")
    held, row = lock_session(db, session_id)
    if row.status == "finished":
        raise Conflict(FINISHED)
    return held, row


def act_of(held: Held, now: int, at: Position | None = None) -> dict[str, Any]:
    """Where an act of ours stands: now, in the channel's seconds, and after all that is known.

    Channels tell whole seconds. Before everything of its own second that is still to be heard:
    a takeover in the same second as a hand-back must win.
    """
    at = at or max(Position(now - now % 1_000_000, -1), after_known(held))
    return {"conversation": held.external_id, "id": new_id("act"), "at": at, "moment": now}


def after_known(held: Held) -> Position:
    """The place right after everything that is known of a conversation."""
    newest = held.thread.newest[0]
    return Position(newest.at, newest.number, newest.step + 10)


def seat_of(terms: Terms, person: Person) -> str | None:
    """Who somebody is in a channel that has people of its own; raises Conflict if nobody."""
    if "assign" not in terms.channel.pushes:
        return None
    if person.as_operator is None:
        who = "You are" if isinstance(person, Caller) else f"{person.name} is"
        raise Conflict(
            f"{who} not linked to a person in {terms.channel.name}; an administrator can do it: "
            f"gateway operators add … --link {terms.channel.name}:ADMIN_ID"
        )
    return person.as_operator


def assignee_of(terms: Terms, person: Person) -> Assignee:
    """Somebody as the one who holds a conversation, by the name that its channel knows."""
    return Assignee(kind="operator", id=seat_of(terms, person) or person.id)


def holder_of(db: Transaction, held: Held, row: Any) -> str:
    """The name of the person who is responsible for a session."""
    stored = row.responsible_name
    if stored:
        return str(stored)
    operator = db.scalar(select(Operator.name).where(Operator.id == row.responsible_id))
    if operator:
        return operator
    seat = select(Staff.name).where(
        Staff.installation_id == held.installation_id,
        Staff.kind == row.responsible_kind,
        Staff.external_id == row.responsible_id,
    )
    linked = (
        select(Operator.name)
        .join(OperatorLink, OperatorLink.operator_id == Operator.id)
        .where(OperatorLink.channel == row.channel, OperatorLink.external_id == row.responsible_id)
    )
    return db.scalar(seat) or db.scalar(linked) or "somebody else"


def not_blank(text: str) -> None:
    """Raise Unreadable for words that say nothing."""
    if not text.strip():
        raise Unreadable("text must not be blank")
