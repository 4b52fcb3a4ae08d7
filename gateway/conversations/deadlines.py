"""The ladder of deadlines: what is done when a customer has waited too long for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Integer, bindparam, select

from gateway import feed
from gateway.clock import to_time
from gateway.commands import Assign
from gateway.conversations import offers, record
from gateway.conversations.doors import Owing, put_back, return_to_ai
from gateway.conversations.doors.callers import act_of
from gateway.conversations.reception import Receive, queue_words
from gateway.conversations.runs import due as due_at
from gateway.conversations.thread import Held
from gateway.events import NOBODY, SYSTEM, DeadlinePassed
from gateway.handover import Wait
from gateway.ladder import Rung
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.store.models import ChatSession
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

LATE = {
    "accept": "Nobody accepted the session in time",
    "first_reply": "Nobody replied in time",
    "reply": "The customer got no further reply in time",
}
"""What is told to people, by the step on which the customer waited too long."""

_MOST = 20
_SESSIONS = table_of(ChatSession)
_DUE = Prepared(
    lambda _: (
        select(_SESSIONS.c.id)
        .where(_SESSIONS.c.wait_due <= bindparam("now"))
        .order_by(_SESSIONS.c.wait_due)
        .limit(bindparam("most", type_=Integer))
    )
)


@dataclass(slots=True, kw_only=True)
class Climbed:
    """What was done: kinds of work now owed, and on which steps people are to be told (`LATE`)."""

    owed: set[str] = field(default_factory=set)
    notify: set[str] = field(default_factory=set)


def due(db: Transaction, now: int, limit: int) -> list[str]:
    """Sessions whose customers have waited too long, the longest first."""
    return [row.id for row in _DUE.run(db, {"now": now, "most": limit})]


def climb(
    db: Transaction, terms: Terms, held: Held, row: Any, reception: Receive, now: int
) -> Climbed:
    """Do what is due for a locked session; nothing if somebody was quicker.

    Where several deadlines have passed at once, the customer is told only the last of the words.
    """
    climbed = Climbed()
    if row.wait_step is not None and _wait(held) is None:
        # It has waited since before waits were folded: from now on its thread knows of it, too.
        fact = DeadlinePassed(
            **act_of(held, now), step=row.wait_step, since=row.wait_since, did="notify"
        )
        climbed.owed |= record.apply(db, terms, held, [fact], now=now, source="act").owed
    words = ""
    for _ in range(_MOST):
        wait = _wait(held)
        if wait is None or row.status != "active" or row.asleep:
            break
        rung = terms.rung(wait.step, wait.rung)
        if due_at(terms, wait, row.counts_from) > now:
            break
        words = rung.text or words
        _take(db, terms, held, row.id, wait, rung, climbed, now)
    if words:
        words = queue_words(db, terms, row.id, words, reception(db, terms.agent.name, now))
    if words and _wait(held) is not None:
        _tell(db, terms, held, row, words, climbed, now)
    return climbed


def _wait(held: Held) -> Wait | None:
    return held.thread.run.wait if held.thread.run else None


def _take(
    db: Transaction,
    terms: Terms,
    held: Held,
    session_id: str,
    wait: Wait,
    rung: Rung,
    climbed: Climbed,
    now: int,
) -> None:
    fact = DeadlinePassed(**act_of(held, now), step=wait.step, since=wait.since, did=rung.do)
    climbed.owed |= record.apply(db, terms, held, [fact], now=now, source="act").owed
    match rung.do:
        case "notify":
            _notify(db, held, session_id, wait, climbed, now)
        case "offer_next" if wait.step == "accept":
            offers.end(db, session_id, "expired", now)
        case "offer_next":
            climbed.owed |= put_back(db, terms, held, session_id, by=SYSTEM, now=now).owed
        case "return_to_ai" if held.thread.email and not terms.channel.policy.answer_email:
            _notify(db, held, session_id, wait, climbed, now)  # the AI does not answer e-mail here
        case "return_to_ai":
            done = return_to_ai(db, terms, held, session_id, by=SYSTEM, now=now)
            climbed.owed |= done.owed
            outcome = record.Outcome(owed=climbed.owed)
            owing = Owing(db, terms, held, session_id, outcome, now, epoch=_epoch(db, session_id))
            owing.words("note", f"{LATE[wait.step]}; the AI answers again.", SYSTEM)
        case "widen" | "tell_customer" | "take_message":
            pass


def _notify(
    db: Transaction, held: Held, session_id: str, wait: Wait, climbed: Climbed, now: int
) -> None:
    climbed.notify.add(wait.step)
    feed.tell(
        db, "session.overdue", at=now, session_id=session_id, conversation_id=held.id,
        data={"step": wait.step, "since": to_time(wait.since)},
    )  # fmt: skip


def _tell(
    db: Transaction,
    terms: Terms,
    held: Held,
    row: Any,
    words: str,
    climbed: Climbed,
    now: int,
) -> None:
    outcome = record.Outcome(owed=climbed.owed)
    owing = Owing(db, terms, held, row.id, outcome, now, epoch=_epoch(db, row.id))
    message_id = owing.words("notice", words, SYSTEM)
    holder = held.thread.assignee or NOBODY
    if holder.kind in ("team", "nobody"):
        # Where nobody holds a conversation, writing in it makes the bot hold it.
        again = Assign(conversation=held.external_id, to=holder)
        owing.owe(f"{message_id}:again", "assignment", again)


def _epoch(db: Transaction, session_id: str) -> int:
    return db.scalars(select(ChatSession.epoch).where(ChatSession.id == session_id)).one()
