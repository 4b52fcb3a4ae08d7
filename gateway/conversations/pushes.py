"""What we owe a channel: owed once, cancelled when its reason is gone, settled when known done."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from gateway.commands import KINDS, AddNote, Assign, Close, Command, Done, SendMessage
from gateway.conversations import history
from gateway.conversations.thread import Held
from gateway.events import (
    STEP_ASSIGNED,
    STEP_CLOSED,
    STEP_SAID,
    Actor,
    Assigned,
    Closed,
    Fact,
    MessageReceived,
    NoteAdded,
    Position,
)
from gateway.policy import ChannelTerms
from gateway.store.models import Push
from gateway.store.sql import Prepared, table_of

SKEW_US = 5_000_000
"""How far a channel's clock (whole seconds) may be behind ours and an echo still be believed."""

FROM_AI = ("answer", "last_words", "draft")
OPEN = ("owed", "sending", "unknown")

_PUSHES = table_of(Push)
_UNSETTLED = Prepared(
    lambda _: select(
        _PUSHES.c.id, _PUSHES.c.kind, _PUSHES.c.folded, _PUSHES.c.command, _PUSHES.c.cause,
        _PUSHES.c.begun_at, _PUSHES.c.message_id, _PUSHES.c.role,
    )
    .where(
        _PUSHES.c.conversation_id == bindparam("conversation"),
        # Also what was read back twice, in vain, and not begun anew yet: it may have happened late.
        _PUSHES.c.state.in_(("sending", "unknown"))
        | ((_PUSHES.c.state == "owed") & _PUSHES.c.begun_at.is_not(None)),
    )
    .order_by(_PUSHES.c.id)
)  # fmt: skip
_ONE = Prepared(
    lambda _: select(
        _PUSHES.c.id, _PUSHES.c.kind, _PUSHES.c.command, _PUSHES.c.cause, _PUSHES.c.state,
        _PUSHES.c.message_id,
    ).where(_PUSHES.c.id == bindparam("push"))
)  # fmt: skip
_SETTLE = Prepared(lambda _: update(_PUSHES).where(_PUSHES.c.id == bindparam("push")))
_OWE = Prepared(
    lambda sql: sql.insert(_PUSHES).on_conflict_do_nothing(
        index_elements=[_PUSHES.c.conversation_id, _PUSHES.c.cause]
    )
)
_CANCEL = Prepared(
    lambda _: (
        update(_PUSHES)
        .where(
            _PUSHES.c.session_id == bindparam("session"),
            _PUSHES.c.state == "owed",
            _PUSHES.c.role.in_(bindparam("roles", expanding=True)),
        )
        .returning(_PUSHES.c.message_id)
    )
)
_OVERLAPPED = Prepared(
    lambda _: (
        update(_PUSHES)
        .where(
            _PUSHES.c.session_id == bindparam("session"),
            _PUSHES.c.role == "answer",
            _PUSHES.c.state.in_(("sending", "unknown")),
        )
        .returning(_PUSHES.c.id)
    )
)

_COMMANDS: dict[str, type[Command]] = {name: kind for kind, name in KINDS.items()}
_NOT_WORDS = re.compile(r"[\W_]+")


def fold_text(text: str) -> str:
    """Letters and digits only: channels change white space, quotes and markup on the way."""
    return _NOT_WORDS.sub("", text).casefold()[:4000]


def owe(
    db: Session,
    held: Held,
    channel: ChannelTerms,
    *,
    session_id: str,
    epoch: int,
    cause: str,
    role: str,
    command: Command,
    now: int,
    message_id: str | None = None,
) -> bool:
    """Owe the channel a command, once per `cause`; False if the channel cannot do it at all."""
    kind = KINDS[type(command)]
    if kind not in channel.pushes:
        return False
    words = command.text if isinstance(command, SendMessage | AddNote) else ""
    owed = {
        "conversation_id": held.id,
        "session_id": session_id,
        "message_id": message_id,
        "cause": cause,
        "kind": kind,
        "role": role,
        "command": msgspec.json.encode(command).decode(),
        "folded": fold_text(channel.plain(words)) if words else "",
        "epoch": epoch,
        "state": "owed",
        "due_at": now,
        "owed_at": now,
        "tries": 0,
        "reads": 0,
        "unsure_for": 0,
        "overlapped": False,
        "accepted": False,
    }
    db.execute(_OWE.on(db), owed)
    return True


def command_of(kind: str, data: str) -> Command:
    """Read a command back as it was owed."""
    return msgspec.json.decode(data, type=_COMMANDS[kind])


def cancel(
    db: Session,
    *,
    why: str,
    now: int,
    session_id: str,
    roles: Collection[str],
) -> None:
    """Cancel what is owed and not begun; its words are recorded as discarded, with the reason."""
    cancelled = {"session": session_id, "roles": list(roles), "state": "cancelled"}
    rows = db.execute(_CANCEL.on(db), {**cancelled, "error": why, "ended_at": now}).all()
    history.set_state(db, [row[0] for row in rows if row[0]], "discarded", why)


def end(db: Session, push: Row[*tuple[Any, ...]], state: str, error: str | None, now: int) -> None:
    """End a push's life without the channel's receipt; its words share its fate."""
    values: dict[str, Any] = {"state": state, "error": error, "ended_at": now}
    if state == "cancelled":
        values["overlapped"] = False  # it had been on the wire, and it is known not to have landed
    db.execute(update(Push).where(Push.id == push.id).values(values))
    if push.message_id is not None:
        words = {"sent": "sent", "failed": "failed"}.get(state, "discarded")
        history.set_state(db, [push.message_id], words, error)


def mark_overlapped(db: Session, session_id: str) -> int:
    """Record that AI words were on the wire when the session left the AI; return how many."""
    rows = db.execute(_OVERLAPPED.on(db), {"session": session_id, "overlapped": True}).all()
    return len(rows)


# -- settling --------------------------------------------------------------------------------------


def bind(db: Session, held: Held, facts: Sequence[Fact], now: int) -> list[Fact]:
    """Recognise the echoes of what we sent among `facts`; settle their pushes.

    The channel's id is not ours yet: an echo often comes before the call that made it returns.
    """
    if not any(may_be_ours(fact) for fact in facts):
        return list(facts)
    open_pushes = db.execute(_UNSETTLED.on(db), {"conversation": held.id}).all()
    bound: list[Fact] = []
    left = list(open_pushes)
    for fact in facts:
        ours = next((push for push in left if may_be_ours(fact) and _echoes(fact, push)), None)
        if ours is not None:
            left.remove(ours)
            fact = _settled(db, held, fact, ours.id, ours.cause, ours.message_id, now)
        bound.append(fact)
    return bound


def settle(db: Session, held: Held, push_id: int, done: Done, now: int) -> Fact | None:
    """The channel's receipt for a push came: settle it, and return the fact that it made.

    None if it was settled already, by its echo or by an earlier read.
    """
    push = db.execute(_ONE.on(db), {"push": push_id}).one()
    if push.state == "sent":
        return None
    fact = _fact_of(held, command_of(push.kind, push.command), push.cause, done)
    return _settled(db, held, fact, push.id, push.cause, push.message_id, now)


def may_be_ours(fact: Fact) -> bool:
    match fact:
        case MessageReceived() | NoteAdded():
            # An operator's words from our pages come back under his or her own name.
            return fact.author.kind in ("ai", "operator")
        case Assigned() | Closed():
            return fact.by.kind in ("ai", "operator") and fact.settles is None
        case _:
            return False


def _echoes(fact: Fact, push: Row[*tuple[Any, ...]]) -> bool:
    if fact.at.at < push.begun_at - push.begun_at % 1_000_000 - SKEW_US:
        return False
    command = command_of(push.kind, push.command)
    match fact:
        case MessageReceived() if isinstance(command, SendMessage):
            return _same_words(fact, push) and _same_hand(fact.author, command.as_operator)
        case NoteAdded() if isinstance(command, AddNote):
            return _same_words(fact, push) and _same_hand(fact.author, command.as_operator)
        case Assigned() if isinstance(command, Assign):
            to = command.to
            return fact.by.kind == "ai" and (fact.to.kind, fact.to.id) == (to.kind, to.id)
        case Closed():
            return fact.by.kind == "ai" and isinstance(command, Close)
        case _:
            return False


def _same_words(fact: MessageReceived | NoteAdded, push: Row[*tuple[Any, ...]]) -> bool:
    return bool(fold_text(fact.text) == push.folded)


def _same_hand(author: Actor, as_operator: str | None) -> bool:
    return author.kind == "ai" if as_operator is None else author.id == as_operator


def _settled(
    db: Session,
    held: Held,
    fact: Fact,
    push_id: int,
    cause: str,
    message_id: str | None,
    now: int,
) -> Fact:
    sent = {"push": push_id, "state": "sent", "external_id": fact.id, "ended_at": now}
    db.execute(_SETTLE.on(db), {**sent, "error": None})
    if message_id is not None:
        history.place_own(db, held, message_id, fact.id, fact.at)
    return replace(fact, settles=cause) if isinstance(fact, Assigned | Closed) else fact


def _fact_of(held: Held, command: Command, cause: str, done: Done) -> Fact:
    """The fact that a receipt stands for, in the words the channel's own report would use."""
    conversation, ai = held.external_id, Actor(kind="ai")
    match command:
        case SendMessage() | AddNote():
            hand = command.as_operator
            author = ai if hand is None else Actor(kind="operator", id=hand)
            at = Position(done.at, done.number, STEP_SAID)
            if isinstance(command, SendMessage):
                return MessageReceived(
                    conversation=conversation, id=done.id, at=at, author=author, text=""
                )
            return NoteAdded(conversation=conversation, id=done.id, at=at, author=author, text="")
        case Assign():
            at = Position(done.at, done.number, STEP_ASSIGNED)
            return Assigned(
                conversation=conversation, id=done.id, at=at, to=command.to, by=ai, settles=cause
            )
        case Close():
            at = Position(done.at, done.number, STEP_CLOSED)
            return Closed(conversation=conversation, id=done.id, at=at, by=ai, settles=cause)
