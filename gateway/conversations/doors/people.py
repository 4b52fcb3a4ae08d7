"""Among people: who takes a session that waits, who is given it, who gives it back."""

from __future__ import annotations

from typing import Any

from gateway.conversations import offers
from gateway.conversations.doors.callers import (
    Caller,
    Done,
    Person,
    act_of,
    assignee_of,
    holder_of,
    permitted,
)
from gateway.conversations.doors.handing import give_to_people, hand_over
from gateway.conversations.doors.owing import act_and_assign
from gateway.conversations.reception import Receive, always_open
from gateway.conversations.thread import Held
from gateway.errors import Conflict
from gateway.events import Actor, Assignee, ResponsibleSet
from gateway.policy import Terms
from gateway.store import Transaction

HELD_BY_AI = "Session is handled by the AI; hand it over first"


def accept(db: Transaction, terms: Terms, session_id: str, caller: Caller, *, now: int) -> Done:
    """Take a session that waits for a person. The first one wins: the next is told who has it."""
    held, row = permitted(db, session_id, caller, "accept sessions")
    if row.mode == "ai":
        raise Conflict(HELD_BY_AI)
    to = assignee_of(terms, caller)
    if row.responsible_kind == "operator" and row.responsible_id in (to.id, caller.id):
        raise Conflict("You have accepted this session already")
    if row.responsible_kind in ("operator", "bot"):
        raise _taken(db, held, row)
    return _set(db, terms, held, session_id, "accepted", to, caller.name, caller.actor, now)


def decline(db: Transaction, terms: Terms, session_id: str, caller: Caller, *, now: int) -> Done:
    """Turn down an offer: the next one is asked at once. Raises Conflict if none stands."""
    permitted(db, session_id, caller, "decline sessions")
    offer = offers.current(db, session_id)
    if offer is None or offer.operator_id != caller.id:
        raise Conflict("Session is not offered to you")
    offers.end(db, session_id, "declined", now)
    return Done(session_id=session_id, owed={"deadlines"})


def assign(
    db: Transaction,
    terms: Terms,
    session_id: str,
    caller: Caller,
    *,
    target: Person,
    link: str,
    now: int,
    reception: Receive = always_open,
) -> Done:
    """Give a session to somebody; what the AI holds is handed over to them."""
    held, row = permitted(db, session_id, caller, "assign sessions")
    if row.mode == "ai":
        return hand_over(
            db, terms, session_id, caller,
            reason="", link=link, now=now, target=target, reception=reception,
        )  # fmt: skip
    to = assignee_of(terms, target)
    if row.responsible_kind == "operator" and row.responsible_id in (to.id, target.id):
        raise Conflict(f"Session is already assigned to {target.name}")
    return _set(db, terms, held, session_id, "assigned", to, target.name, caller.actor, now)


def assign_team(
    db: Transaction,
    terms: Terms,
    session_id: str,
    caller: Caller,
    *,
    team: str,
    link: str,
    now: int,
    reception: Receive = always_open,
) -> Done:
    """Let a session wait for a team, by the id that its channel knows; what the AI holds is handed
    over to it."""
    held, row = permitted(db, session_id, caller, "assign sessions")
    if row.mode == "ai":
        return give_to_people(
            db, terms, held, session_id,
            trigger="manual", by=caller.actor, reason="", link=link, now=now,
            to=Assignee(kind="team", id=team), reception=reception,
        )  # fmt: skip
    if row.responsible_kind == "unassigned" and row.responsible_team == team:
        raise Conflict("Session waits for this team already")
    to = Assignee(kind="team", id=team)
    return _set(db, terms, held, session_id, "released", to, None, caller.actor, now)


def release(db: Transaction, terms: Terms, session_id: str, caller: Caller, *, now: int) -> Done:
    """Give a session back to those who wait for work: it is incoming again."""
    held, row = permitted(db, session_id, caller, "release sessions")
    if row.mode == "ai":
        raise Conflict(HELD_BY_AI)
    if row.responsible_kind != "operator":
        raise Conflict("Session is not assigned to anybody")
    return put_back(db, terms, held, session_id, by=caller.actor, now=now)


def put_back(
    db: Transaction, terms: Terms, held: Held, session_id: str, *, by: Actor, now: int
) -> Done:
    """Take a session off the person who holds it: it is incoming again."""
    to = terms.channel.hand_over_to
    if to.kind == "operator":  # handed over to one person, who would be given it once more
        to = Assignee(kind="nobody")
    return _set(db, terms, held, session_id, "released", to, None, by, now)


def _set(
    db: Transaction,
    terms: Terms,
    held: Held,
    session_id: str,
    how: Any,
    to: Assignee,
    name: str | None,
    by: Actor,
    now: int,
) -> Done:
    act = ResponsibleSet(**act_of(held, now), how=how, to=to, name=name, by=by)
    outcome = act_and_assign(db, terms, held, session_id, act, to, now)
    return Done(session_id=session_id, owed=outcome.owed)


def _taken(db: Transaction, held: Held, row: Any) -> Conflict:
    name = holder_of(db, held, row)
    by = {"kind": row.responsible_kind, "id": row.responsible_id, "name": name}
    return Conflict(f"Session was already accepted by {name}", details={"responsible": by})
