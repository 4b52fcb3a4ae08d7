"""Forgetting what was said: words go, and with them whatever repeats them; who did what when stays.

The fold needs no words: facts keep their places, kinds and acts, so a conversation that is folded
again after it was forgotten comes out the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, or_, select, update

from gateway import feed, files
from gateway.commands import AddNote, SendMessage
from gateway.conversations import facts as kept
from gateway.conversations.pushes import command_of, end, hashed
from gateway.conversations.thread import (
    Held,
    forget_before,
    words_were_taken_back,
    write_thread,
)
from gateway.events import (
    Actor,
    Assigned,
    Closed,
    Fact,
    Finished,
    HandedBack,
    HandedOver,
    MessageReceived,
    NoteAdded,
    Reopened,
    Snoozed,
    Trigger,
)
from gateway.handover import Handover, Run
from gateway.store import Transaction
from gateway.store.models import (
    UNPLACED,
    ChatSession,
    FileRow,
    Message,
    Push,
    Rating,
    StretchRow,
    TurnRow,
)

IN_WORDS: tuple[Trigger, ...] = ("manual", "automatic", "customer_request")
"""Handovers whose reason somebody put into words: the others' are words of ours."""

FORGOTTEN = "what was to be said was forgotten"

_OPEN = ("sending", "unknown")


def without_words(fact: Fact) -> Fact:
    """A fact as it is kept of what was forgotten: what happened, and nothing that was said."""
    match fact:
        case MessageReceived():
            return replace(
                fact, text="", html="", attachments=(), contact=None, author=_nameless(fact.author)
            )
        case NoteAdded():
            return replace(fact, text="", html="", attachments=(), author=_nameless(fact.author))
        case HandedOver():
            reason = "" if fact.trigger in IN_WORDS else fact.reason
            return replace(fact, reason=reason, by=_nameless(fact.by))
        case Finished():
            reason = fact.reason if fact.by.kind == "system" else ""
            return replace(fact, reason=reason, by=_nameless(fact.by))
        case Assigned() | Closed() | Reopened() | Snoozed() | HandedBack():
            return replace(fact, by=_nameless(fact.by))
        case _:
            return fact


def forget(
    db: Transaction,
    held: Held,
    sessions: Sequence[str],
    *,
    before: int,
    facts_before: int | None,
    now: int,
) -> int:
    """Forget what was said in these sessions of a locked conversation, and outside of any.

    No words from before `before` (the channel's time, µs) will be kept that come late.
    `facts_before` is where in it those facts end that lose theirs, None: all do. Returns how many
    lines had any. Their files are taken away; upkeep removes the bytes.
    """
    forget_before(db, held, before)
    said = (Message.conversation_id == held.id) & or_(
        Message.session_id.in_(sessions),
        Message.session_id.is_(None) & (Message.at < (facts_before or UNPLACED)),
    )
    forgotten = _forget_lines(db, said, now)
    _forget_in_facts(db, held, facts_before)
    run = held.thread.run
    if run and (facts_before is None or (run.finished_at or facts_before) < facts_before):
        write_thread(db, held, replace(held.thread, run=_silent_run(run)), whose=None)
    _forget_in_sessions(db, ChatSession.id.in_(sessions), now)
    _forget_in_pushes(db, Push.session_id.in_(sessions), now)
    db.execute(
        update(TurnRow)
        .where(TurnRow.session_id.in_(sessions), TurnRow.why.is_not(None))
        .values(why=None)
    )
    db.execute(
        update(StretchRow)
        .where(StretchRow.session_id.in_(sessions), StretchRow.trigger.in_(IN_WORDS))
        .values(reason="")
    )
    db.execute(update(Rating).where(Rating.session_id.in_(sessions)).values(comment=""))
    return forgotten


def redact(db: Transaction, held: Held, external_id: str, now: int) -> None:
    """The channel took a message's words away: ours go too, wherever we have them.

    That there was a message stays. What was delivered before is cleaned of it by a worker.
    """
    which = (Message.conversation_id == held.id) & (Message.external_id == external_id)
    if db.scalar(select(Message.id).where(which, _speaks())) is None:
        return  # it was told before
    _take_words(db, which, now)
    _forget_in_pushes(db, Push.message_id.in_(select(Message.id).where(which)), now)
    words_were_taken_back(db, held, now)


def _forget_lines(db: Transaction, which: ColumnElement[bool], now: int) -> int:
    count = db.scalar(select(func.count()).select_from(Message).where(which, _speaks())) or 0
    _take_words(db, which, now)
    by_customer = which & (Message.author_kind == "customer")
    db.execute(update(Message).where(by_customer).values(author_id=None, author_name=None))
    db.execute(update(Message).where(which, Message.why.is_not(None)).values(why=None))
    markers = select(Message.id, Message.data).where(which, Message.kind == "marker")
    for row in db.execute(markers).all():
        by = (row.data or {}).get("by") or {}
        if by.get("kind") == "customer" and (by.get("id") or by.get("name")):
            data = {**row.data, "by": {**by, "id": None, "name": None}}
            db.execute(update(Message).where(Message.id == row.id).values(data=data))
    return count


def _speaks() -> ColumnElement[bool]:
    return (Message.kind != "marker") & (Message.redacted.is_(False) | (Message.text != ""))


def _take_words(db: Transaction, which: ColumnElement[bool], now: int) -> None:
    feed.tell_updated(db, which & _speaks(), now)
    files.take_away(db, FileRow.message_id.in_(select(Message.id).where(which)), now)
    gone: dict[str, Any] = {"text": "", "html": "", "attachments": [], "redacted": True}
    db.execute(update(Message).where(which, _speaks()).values(gone))


def _forget_in_facts(db: Transaction, held: Held, before: int | None) -> None:
    for fact in kept.load(db, held.id):
        if before is None or fact.at.at < before:
            silent = without_words(fact)
            if silent != fact:
                kept.rewrite(db, held.id, silent)


def _forget_in_sessions(db: Transaction, which: ColumnElement[bool], now: int) -> None:
    rows = db.execute(select(ChatSession.id, ChatSession.handover).where(which)).all()
    for row in rows:
        handover = row.handover
        if handover and handover.get("trigger") in IN_WORDS:
            handover = {**handover, "reason": ""}
        db.execute(
            update(ChatSession)
            .where(ChatSession.id == row.id)
            .values(handover=handover, parameters={}, results={}, summary=None, forgotten_at=now)
        )


def _forget_in_pushes(db: Transaction, which: ColumnElement[bool], now: int) -> None:
    """What is on the wire keeps a hash of its words, by which its echo is known."""
    columns = (Push.id, Push.kind, Push.command, Push.folded, Push.state, Push.message_id)
    for row in db.execute(select(*columns).where(which)).all():
        command = command_of(row.kind, row.command)
        values: dict[str, Any] = {"error": None}
        if isinstance(command, SendMessage | AddNote):
            values["command"] = msgspec.json.encode(replace(command, text="")).decode()
            values["folded"] = hashed(row.folded) if row.state in _OPEN else ""
            if row.state in _OPEN:  # its words are gone: it cannot be sent a second time
                values["accepted"] = True
            if row.state == "owed":
                end(db, row, "cancelled", FORGOTTEN, now)
                values["error"] = FORGOTTEN
        db.execute(update(Push).where(Push.id == row.id).values(values))


def _silent_run(run: Run) -> Run:
    stretches = tuple(replace(one, handover=_silent(one.handover)) for one in run.stretches)
    return replace(run, last_handover=_silent(run.last_handover), stretches=stretches)


def _silent(handover: Handover | None) -> Handover | None:
    if handover is None or handover.trigger not in IN_WORDS:
        return handover
    return replace(handover, reason="")


def _nameless(actor: Actor) -> Actor:
    return Actor(kind="customer") if actor.kind == "customer" else actor
