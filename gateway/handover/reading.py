"""Reading a fact: where it stands, which input of the table it is, whether it can matter."""

from __future__ import annotations

from typing import assert_never

from gateway.events import (
    ORIGIN,
    Assignee,
    AssigneeSeen,
    Fact,
    MessageReceived,
    NoteAdded,
    Position,
)
from gateway.handover.table import Input, Mode
from gateway.handover.thread import Thread
from gateway.policy import Policy


def place(fact: Fact) -> tuple[Position, str]:
    """What facts are sorted by: the position, and the id where two share one."""
    return fact.at, fact.id


def is_neutral(fact: Fact, thread: Thread) -> bool:
    """True if a late `fact` changes nothing in `thread`, so nothing need be folded again."""
    match fact:
        case MessageReceived():
            # The bot's own word, unless it would be the last public one.
            run = thread.run
            heard = run is not None and fact.at < run.last_public_at
            return fact.author.kind == "ai" and heard and (thread.email or fact.via != "email")
        case NoteAdded():
            return True
        case _:
            return False


def is_idle(fact: Fact, thread: Thread) -> bool:
    """True for a look at the assignee that can never act, whatever is still to be heard.

    Once the channel has told the assignee, a snapshot may only move towards silence, and a read
    that shows the AI or nobody where that is known says nothing new. That nobody holds what a
    person began is our guess, and goes if a customer's earlier word comes to light.
    """
    if not isinstance(fact, AssigneeSeen) or thread.assignee_at == ORIGIN:
        return False
    now, known = fact.assignee, thread.assignee
    if known is None or now.kind not in ("ai", "nobody"):
        return False
    if fact.read:  # it tells every part before it, too
        return (now.kind, now.id) == (known.kind, known.id) and fact.at >= thread.assignee_at
    return place(fact) >= thread.newest


def first_mode(assignee: Assignee | None, email: bool, policy: Policy) -> Mode:
    """The mode in which a customer's message opens a session."""
    if email and not policy.answer_email:
        return "human"
    kind = assignee.kind if assignee else "nobody"
    answers = {"ai": policy.answer_when_assigned, "nobody": policy.answer_when_unassigned}
    return policy.first_mode if answers.get(kind, False) else "human"


def spoken(fact: MessageReceived, policy: Policy) -> Input:
    """The input that a word is, by who said it."""
    match fact.author.kind:
        case "customer":
            return "customer_spoke"
        case "operator":
            return "operator_took_over" if policy.takeover_on_reply else "operator_spoke"
        case "ai":
            return "ai_spoke"
        case "bot":
            return "operator_took_over" if policy.other_bot == "human" else "other_bot_spoke"
        case "system":
            return "aside"
        case _:
            assert_never(fact.author.kind)


def held(to: Assignee, email: bool, policy: Policy) -> Input:
    """The input that a change of assignee is."""
    if to.kind == "ai":
        return "to_person" if email and not policy.answer_email else "to_ai"
    if to.kind != "nobody":
        return "to_person"
    meant: dict[str, Input] = {"keep": "to_nobody", "ai": "to_ai", "human": "to_person"}
    return meant[policy.on_unassigned]
