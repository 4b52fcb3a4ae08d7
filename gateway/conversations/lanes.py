"""Delivering in order: the pushes of a conversation are a lane, and only its first one moves.

From `owed` a push goes to `sending` by `begin`, a committed compare-and-set under the locks of
conversation and session. That is the moment of no return: everything that forbids it is looked at
there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update

from gateway.commands import Assign, Command
from gateway.conversations import claims, doors, heads, pushes, record
from gateway.conversations.thread import Held
from gateway.events import STEP_ASSIGNED, SYSTEM, Actor, Assigned, Assignee, Position
from gateway.handover import Thread
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.store.models import ChatSession, Push
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

PATIENCE_AI_US = 60_000_000
PATIENCE_OPERATOR_US = 600_000_000
HELD_US = 50_000_000
"""How long `sending` is left alone: deadline of the call and the pause we tolerate."""
READ_BACK_US = (10_000_000, 30_000_000)
"""After an unknown outcome the channel is read at these times since the begin; then sent again."""
UNDELIVERABLE = "the AI's words could not be delivered"

_AI_HOLDS = ("ai", "nobody")


_PUSHES, _SESSIONS = table_of(Push), table_of(ChatSession)
_LOCK_SESSION = Prepared(
    lambda sql: sql.locked(
        select(_SESSIONS.c.id, _SESSIONS.c.status, _SESSIONS.c.mode, _SESSIONS.c.epoch)
        .join(_PUSHES, _PUSHES.c.session_id == _SESSIONS.c.id)
        .where(_PUSHES.c.id == bindparam("push")),
        of=_SESSIONS,
    )
)
_LOCK_PUSH = Prepared(
    lambda sql: sql.locked(select(_PUSHES).where(_PUSHES.c.id == bindparam("push")))
)
_BEGIN = Prepared(lambda _: update(_PUSHES).where(_PUSHES.c.id == bindparam("push")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the look showed: who holds the conversation, whether it is closed, and as of when."""

    assignee: Assignee
    closed: bool
    updated_at: int


@dataclass(slots=True, kw_only=True)
class Begun:
    """What `begin` decided: a command to carry out now, or why not.

    `lost`: the lane is somebody else's now.
    """

    command: Command | None = None
    why: str | None = None
    lost: bool = False
    owed: set[str] = field(default_factory=set)


def begin(
    db: Transaction, terms: Terms, held: Held, push_id: int, token: str, seen: Seen | None, now: int
) -> Begun:
    """Begin a push if nothing forbids it, in the transaction that has applied what was `seen`."""
    push, session, is_ours = _lock_ours(db, held, push_id, token)
    if not is_ours:
        return Begun(why="somebody else took it", lost=True)
    if _out_of_patience(push, now):
        return _fail(db, terms, held, push, session, push.error or UNDELIVERABLE, now)
    if held.held_since is not None and push.role not in heads.NOT_LOOKED_FIRST:
        return _later(db, push, now + 1_000_000, "held until the conversation has been read", now)
    forbids = _forbids(held, push, session, seen)
    if forbids is not None:
        pushes.end(db, push, "cancelled", forbids, now)
        return Begun(why=forbids)
    command = pushes.command_of(push.kind, push.command)
    if seen is not None:
        if _stale(held.thread, seen):
            return _later(db, push, now + 1_000_000, "what was read is older than our own act", now)
        if isinstance(command, Assign) and _already(command.to, seen.assignee):
            return _as_it_is(db, terms, held, push, command, now)
        if (
            push.role in ("answer", "draft")
            and seen.assignee.kind not in _AI_HOLDS
            and (session.mode == "ai")
        ):
            return _later(db, push, now + 2_000_000, "the channel names another assignee", now)
    sending = {
        "push": push_id,
        "state": "sending",
        "token": token,
        "begun_at": now,
        "tried_at": push.tried_at or now,
        "tries": push.tries + 1,
        "due_at": now + HELD_US,
    }
    _BEGIN.later(db, sending)
    return Begun(command=command)


def not_looked(
    db: Transaction,
    terms: Terms,
    held: Held,
    push_id: int,
    token: str,
    until: int,
    error: str,
    now: int,
) -> Begun:
    """The look failed, so nothing was begun: try again later, for as long as patience lasts."""
    push, session, is_ours = _lock_ours(db, held, push_id, token)
    if not is_ours:
        return Begun(why="somebody else took it", lost=True)
    if _out_of_patience(push, now):
        return _fail(db, terms, held, push, session, error, now)
    return _later(db, push, until, error, now)


def postpone(
    db: Transaction, push_id: int, until: int, error: str, now: int, *, token: str | None = None
) -> None:
    """Nothing was done: try again later. Also for a push whose call the channel refused to take.

    With the `token` of its begin, only that one: a sender that was held up for so long that another
    has begun anew must not take the other's post for its own.
    """
    mine = Push.state == "sending"
    if token is not None:
        mine &= Push.token == token
    db.execute(
        update(Push)
        .where(Push.id == push_id, (Push.state == "owed") | mine)
        .values(state="owed", due_at=until, error=error, tried_at=func.coalesce(Push.tried_at, now))
    )


def rest(db: Transaction, push_id: int, until: int, why: str, *, token: str | None = None) -> None:
    """The channel is paused: wait, and begin anew to be patient. Nothing is sent meanwhile.

    With the `token` of its begin also a push whose call was not taken (`postpone`).
    """
    db.execute(
        update(Push)
        .where(
            Push.id == push_id,
            (Push.state == "owed") | ((Push.state == "sending") & (Push.token == (token or ""))),
        )
        .values(state="owed", due_at=until, error=why, tried_at=None, unsure_for=0)
    )


def unsure(
    db: Transaction, push_id: int, error: str, *, accepted: bool = False, token: str | None = None
) -> None:
    """The request went out and its outcome is unknown: read back before anything else.

    `accepted`: the channel took it and only the receipt is missing, so it is never sent again.
    """
    mine = Push.state == "sending"
    if token is not None:
        mine &= Push.token == token
    db.execute(
        update(Push)
        .where(Push.id == push_id, mine)
        .values(
            state="unknown",
            due_at=Push.begun_at + READ_BACK_US[0],
            error=error,
            reads=0,
            accepted=accepted,
        )
    )


def look_again(db: Transaction, push_id: int, at: int, error: str) -> None:
    """The channel could not be read back: nothing is sent before it could."""
    db.execute(
        update(Push)
        .where(Push.id == push_id, Push.state.in_(("sending", "unknown")))
        .values(state="unknown", due_at=at, error=error)
    )


def read_back(db: Transaction, held: Held, push_id: int, now: int) -> str:
    """The channel was read after an unknown outcome; return the push's state after that.

    If the read showed it, applying the read has settled it. If two reads did not, it is owed again.
    """
    push, _ = _lock(db, push_id)
    if push.state not in ("sending", "unknown"):
        return str(push.state)
    if push.reads + 1 < len(READ_BACK_US):
        due_at = max(now + 1_000_000, push.begun_at + READ_BACK_US[push.reads + 1])
        values: dict[str, Any] = {"state": "unknown", "reads": push.reads + 1, "due_at": due_at}
    elif push.accepted:
        pushes.end(db, push, "sent", push.error, now)
        return "sent"
    else:
        values = {
            "state": "owed", "reads": 0, "due_at": now,
            "unsure_for": push.unsure_for + now - push.begun_at,
        }  # fmt: skip
    db.execute(update(Push).where(Push.id == push_id).values(values))
    return str(values["state"])


def fail(
    db: Transaction,
    terms: Terms,
    held: Held,
    push_id: int,
    error: str,
    now: int,
    *,
    token: str | None = None,
) -> Begun:
    """The channel refuses it for good: show it, go on with the next, leave nobody unanswered."""
    push, session = _lock(db, push_id)
    if push.state not in pushes.OPEN:
        return Begun(why="it had ended")
    if token is not None and push.token != token:
        return Begun(why="somebody else took it")
    return _fail(db, terms, held, push, session, error, now)


# -- what forbids a push ---------------------------------------------------------------------------


def _forbids(
    held: Held,
    push: Row[*tuple[Any, ...]],
    session: Row[*tuple[Any, ...]],
    seen: Seen | None,
) -> str | None:
    thread = held.thread
    state = session.mode if session.status == "active" else "finished"
    # One who came after our act, as far as a snapshot told. From whoever was known to hold it
    # before, an act of ours takes it: a newer assignment would have removed the fence.
    came = (
        seen is not None
        and seen.assignee.kind == "operator"
        and (thread.assumed or not _already(seen.assignee, thread.assignee))
    )
    given = seen is not None and seen.assignee.kind not in ("ai", "nobody")
    match push.role:
        case "answer" if state != "ai" or session.epoch != push.epoch:
            return "the AI is not in charge any more"
        case "draft" if state != "copilot" or session.epoch != push.epoch:
            return "the session is not with the copilot any more"
        case "last_words" if session.epoch != push.epoch or (given and state == "human"):
            return "people took over first"
        case "notice" if session.epoch != push.epoch or state != "human":
            return "the session changed hands first"
        case "assignment":
            if push.cause not in (thread.fence, thread.returning):
                return "a newer assignment came first"
            command = pushes.command_of(push.kind, push.command)
            if (
                came
                and push.cause == thread.fence
                and not (
                    isinstance(command, Assign)
                    and _already(command.to, seen.assignee if seen else None)
                )
            ):
                return "a person holds the conversation already"
        case "close":
            if state != "finished" or (thread.run and thread.run.finished_at is None):
                return "the customer wrote again"
            if seen is not None and seen.closed:
                return "it is closed already"
        case "answer" | "draft" if seen is not None and seen.closed:
            return "the conversation is closed"
        case _:
            pass
    return None


def _stale(thread: Thread, seen: Seen) -> bool:
    """True if a read is older than what the receipt of our own assignment told.

    What was found as it should be (`_as_it_is`) has a place in our order, no time of the channel's.
    """
    settled = thread.settled_at
    return settled.step == STEP_ASSIGNED and seen.updated_at < settled.at


def _already(to: Assignee, now: Assignee | None) -> bool:
    return now is not None and (to.kind, to.id) == (now.kind, now.id)


def _as_it_is(
    db: Transaction,
    terms: Terms,
    held: Held,
    push: Row[*tuple[Any, ...]],
    command: Assign,
    now: int,
) -> Begun:
    """The channel shows what we would ask for: settled without a call."""
    newest = held.thread.newest[0]
    fact = Assigned(
        conversation=held.external_id,
        id=f"{push.cause}:as-it-is",
        at=Position(newest.at, newest.number, newest.step + 10),
        moment=now,
        to=command.to,
        by=Actor(kind="ai"),
        settles=push.cause,
    )
    pushes.end(db, push, "sent", None, now)
    outcome = record.apply(db, terms, held, [fact], now=now, source="act")
    return Begun(why="the channel shows it already", owed=outcome.owed)


# -- rows ------------------------------------------------------------------------------------------


_Locked = tuple[Row[*tuple[Any, ...]], Row[*tuple[Any, ...]]]


def _lock(db: Transaction, push_id: int) -> _Locked:
    """Lock a push's session, then the push; return them the other way round."""
    return _ask_lock(db, push_id)()


def _ask_lock(db: Transaction, push_id: int) -> Callable[[], _Locked]:
    with db.in_one_trip():
        sessions = _LOCK_SESSION.ask_all(db, [{"push": push_id}])
        found = _LOCK_PUSH.ask_all(db, [{"push": push_id}])

    def locked() -> _Locked:
        (session,), (push,) = sessions(), found()
        return push, session

    return locked


def _lock_ours(db: Transaction, held: Held, push_id: int, token: str) -> tuple[*_Locked, bool]:
    """The same, and whether the push is still owed, and ours to begin."""
    with db.in_one_trip():
        locked = _ask_lock(db, push_id)
        is_ours = claims.ask_held(db, heads.CLAIM, held.id, token)  # once it is locked
    push, session = locked()
    return push, session, push.state == "owed" and is_ours()


def _out_of_patience(push: Row[*tuple[Any, ...]], now: int) -> bool:
    patience = PATIENCE_OPERATOR_US if push.role == "operator" else PATIENCE_AI_US
    return bool(now - (push.tried_at or now) - push.unsure_for > patience)


def _later(db: Transaction, push: Row[*tuple[Any, ...]], until: int, why: str, now: int) -> Begun:
    postpone(db, push.id, until, why, now)
    return Begun(why=why)


def _fail(
    db: Transaction,
    terms: Terms,
    held: Held,
    push: Row[*tuple[Any, ...]],
    session: Row[*tuple[Any, ...]],
    error: str,
    now: int,
) -> Begun:
    pushes.end(db, push, "failed", error, now)
    begun = Begun(why=error)
    answer_lost = push.role == "answer" and session.mode == "ai"
    return_lost = push.role == "assignment" and push.cause == held.thread.returning
    if (answer_lost or return_lost) and session.status == "active":
        reason = UNDELIVERABLE if answer_lost else "the conversation could not be given to the AI"
        done = doors.give_to_people(
            db, terms, held, session.id,
            trigger="fault", by=SYSTEM, reason=reason, summary=error, link="", now=now,
        )  # fmt: skip
        begun.owed |= done.owed
    return begun
