"""Ending a session: by a person, by the AI, or because nobody speaks any more."""

from __future__ import annotations

from gateway.commands import Close
from gateway.conversations import record
from gateway.conversations.doors.callers import Caller, Done, act_of, after_known, permitted
from gateway.conversations.doors.owing import Owing
from gateway.conversations.thread import Held
from gateway.events import Actor, Finished
from gateway.policy import Terms
from gateway.store import Transaction


def finish(
    db: Transaction, terms: Terms, session_id: str, by: Caller, *, reason: str, now: int
) -> Done:
    """End the session for an operator, and close it in the channel."""
    held, _ = permitted(db, session_id, by, "finish sessions")
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
    unheard: bool = False,
) -> Done:
    """End the session: the customer's words known so far belong to it, later ones open another.

    `unheard`: so do those that were said until now and are still on their way.
    """
    done = Done(session_id=session_id)
    said = speak_first(db, terms, held, session_id, last_words or [], now, done)
    at = None if unheard else after_known(held)
    act = Finished(**act_of(held, now, at=at), by=by, reason=reason)
    outcome = record.apply(db, terms, held, [act], now=now, source="act")
    owing = Owing(db, terms, held, session_id, outcome, now)
    for text in [] if said else last_words or []:
        owing.words("last_words", text, Actor(kind="ai", name=terms.agent.name))
    owing.owe(act.id, "close", Close(conversation=held.external_id))
    done.owed |= outcome.owed
    return done


def speak_first(
    db: Transaction,
    terms: Terms,
    held: Held,
    session_id: str,
    words: list[str],
    now: int,
    done: Done,
) -> bool:
    """Say the AI's last words before the act where saying them is our own commit.

    False where they must be owed after it: the act cancels whatever the AI owed before.
    """
    if "send_message" in terms.channel.pushes:
        return False
    outcome = record.Outcome()
    owing = Owing(db, terms, held, session_id, outcome, now, epoch=0)
    for text in words:
        owing.words("last_words", text, Actor(kind="ai", name=terms.agent.name))
    done.owed |= outcome.owed
    return True
