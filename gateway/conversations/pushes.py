"""What we owe a channel: owed once, cancelled when its reason is gone, settled when known done."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Boolean, bindparam, select, update

from gateway import feed
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
from gateway.store import Transaction
from gateway.store.models import Push
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

SKEW_US = 5_000_000
"""How far a channel's clock (whole seconds) may be behind ours and an echo still be believed."""

FROM_AI = ("answer", "last_words", "draft")
OURS = ("assignment", "notice")
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
        _PUSHES.c.state.in_(literals(*OPEN)),
        _PUSHES.c.begun_at.is_not(None),
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
_OF_SESSION = (
    (_PUSHES.c.session_id == bindparam("session"))
    & _PUSHES.c.state.in_(literals("owed"))
    & (
        _PUSHES.c.role.in_(literals(*FROM_AI))
        | (bindparam("ours_too", type_=Boolean) & _PUSHES.c.role.in_(literals(*OURS)))
    )
)
_CANCEL_WORDS = Prepared(
    lambda _: history.discarding(
        select(_PUSHES.c.message_id).where(_OF_SESSION, _PUSHES.c.message_id.is_not(None))
    )
)
_TELL_CANCELLED = feed.telling(
    lambda message_id: message_id.in_(
        select(_PUSHES.c.message_id).where(_OF_SESSION, _PUSHES.c.message_id.is_not(None))
    )
)
_CANCEL = Prepared(lambda _: update(_PUSHES).where(_OF_SESSION))
_OVERLAPPED = Prepared(
    lambda _: update(_PUSHES).where(
        _PUSHES.c.session_id == bindparam("session"),
        _PUSHES.c.role.in_(literals("answer")),
        _PUSHES.c.state.in_(literals("sending", "unknown")),
    )
)

# Made here, once: msgspec does not survive two threads that meet a type for the first time.
_COMMANDS: dict[str, msgspec.json.Decoder[Command]] = {
    name: msgspec.json.Decoder(kind) for kind, name in KINDS.items()
}
_HASHED = "sha256:"
_NOT_WORDS = re.compile(r"[\W_]+")


def fold_text(text: str) -> str:
    """Letters and digits only: channels change white space, quotes and markup on the way."""
    return _NOT_WORDS.sub("", text).casefold()[:4000]


def hashed(folded: str) -> str:
    """What stands for the folded text of words on the wire that were forgotten meanwhile."""
    if not folded or folded.startswith(_HASHED):
        return folded
    return _HASHED + hashlib.sha256(folded.encode()).hexdigest()


def owe(
    db: Transaction,
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
        "origin": held.origin,
    }
    _OWE.later(db, owed)
    return True


def command_of(kind: str, data: str) -> Command:
    """Read a command back as it was owed."""
    return _COMMANDS[kind].decode(data)


def cancel(db: Transaction, *, why: str, now: int, session_id: str, ours_too: bool) -> None:
    """Cancel the AI's words (`ours_too`: and our assignments and notices) that have not begun.

    They are recorded as discarded, with the reason.
    """
    named = {"session": session_id, "ours_too": ours_too}
    _TELL_CANCELLED.later(db, {**named, "told_at": now})
    _CANCEL_WORDS.later(db, {**named, "why": why})
    _CANCEL.later(db, {**named, "state": "cancelled", "error": why, "ended_at": now})


def end(db: Transaction, push: Any, state: str, error: str | None, now: int) -> None:
    """End a push's life without the channel's receipt; its words share its fate."""
    values: dict[str, Any] = {"state": state, "error": error, "ended_at": now}
    if state == "cancelled":
        values["overlapped"] = False  # it had been on the wire, and it is known not to have landed
    db.execute(update(Push).where(Push.id == push.id).values(values))
    if push.message_id is not None:
        words = {"sent": "sent", "failed": "failed"}.get(state, "discarded")
        history.set_state(db, [push.message_id], words, now, error)


def mark_overlapped(db: Transaction, session_id: str) -> None:
    """Record that AI words were on the wire when the session left the AI."""
    _OVERLAPPED.later(db, {"session": session_id, "overlapped": True})


# -- settling --------------------------------------------------------------------------------------


def ask_unsettled(
    db: Transaction, conversation_ids: Sequence[str]
) -> Callable[[], dict[str, list[Any]]]:
    """Ask what each conversation's channel has not confirmed yet, though it was begun."""
    named = [{"conversation": conversation_id} for conversation_id in conversation_ids]
    found = _UNSETTLED.ask(db, named)
    return lambda: dict(zip(conversation_ids, found(), strict=True))


def bind(
    db: Transaction,
    held: Held,
    facts: Sequence[Fact],
    open_pushes: Sequence[Any],
    now: int,
    ours: set[str],
) -> list[Fact]:
    """Recognise the echoes of what we sent among `facts`, which are new; settle their pushes.

    The ids of facts that are words of ours, in the history already, go to `ours`.

    The channel's id is not ours yet: an echo often comes before the call that made it returns.
    """
    bound: list[Fact] = []
    left = list(open_pushes)
    for fact in facts:
        push = next((push for push in left if may_be_ours(fact) and _echoes(fact, push)), None)
        if push is not None:
            left.remove(push)
            if push.message_id is not None:
                ours.add(fact.id)
            fact = _settled(db, held, fact, push.id, push.cause, push.message_id, now)
        bound.append(fact)
    return bound


def ask_one(db: Transaction, push_id: int) -> Callable[[], Any | None]:
    """Ask for a push, to `settle` it."""
    found = _ONE.ask_all(db, [{"push": push_id}])
    return lambda: next(iter(found()), None)


def settle(db: Transaction, held: Held, push: Any | None, done: Done, now: int) -> list[Fact]:
    """The channel's receipt for a `push` came: settle it, and return the facts that it made.

    None of them if it was settled already, by its echo or an earlier read. Words that assigned the
    conversation as well did that first; told by the echo alone it would come after them, and the
    whole conversation would have to be folded again.
    """
    if push is None or push.state == "sent":
        return []
    fact = _fact_of(held, command_of(push.kind, push.command), push.cause, done)
    fact = _settled(db, held, fact, push.id, push.cause, push.message_id, now)
    if done.assigned is None or not isinstance(fact, MessageReceived):
        return [fact]
    at = Position(done.at, done.number, STEP_ASSIGNED)
    by, to = fact.author, done.assigned
    return [Assigned(conversation=held.external_id, id=done.id, at=at, to=to, by=by), fact]


def may_be_ours(fact: Fact) -> bool:
    match fact:
        case MessageReceived() | NoteAdded():
            # An operator's words from our pages come back under his or her own name.
            return fact.author.kind in ("ai", "operator")
        case Assigned() | Closed():
            return fact.by.kind in ("ai", "operator") and fact.settles is None
        case _:
            return False


def _echoes(fact: Fact, push: Any) -> bool:
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


def _same_words(fact: MessageReceived | NoteAdded, push: Any) -> bool:
    folded = fold_text(fact.text)
    return bool(push.folded in (folded, hashed(folded)))


def _same_hand(author: Actor, as_operator: str | None) -> bool:
    return author.kind == "ai" if as_operator is None else author.id == as_operator


def _settled(
    db: Transaction,
    held: Held,
    fact: Fact,
    push_id: int,
    cause: str,
    message_id: str | None,
    now: int,
) -> Fact:
    sent = {"push": push_id, "state": "sent", "external_id": fact.id, "ended_at": now}
    _SETTLE.later(db, {**sent, "error": None})
    if message_id is not None:
        history.place_own(db, held, message_id, fact.id, fact.at, now)
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
