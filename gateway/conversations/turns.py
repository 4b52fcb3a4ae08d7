"""Turns: when the AI agent is owed a question, what it is asked, and what becomes of its answer."""

from __future__ import annotations

from typing import cast

from sqlalchemy import BigInteger, Executable, bindparam, select, text, update

from gateway.conversations.runs import SessionRef
from gateway.conversations.thread import Held
from gateway.policy import AgentTerms
from gateway.store import Transaction, new_id
from gateway.store.models import Push, TurnRow
from gateway.store.prepared import Prepared
from gateway.store.sql import Dialect, literals, table_of

OPEN = ("due", "asking", "waiting")

_TURNS, _PUSHES = table_of(TurnRow), table_of(Push)


def _owing(sql: Dialect) -> Executable:
    statement = sql.insert(_TURNS)
    burst = _TURNS.c.owed_at + bindparam("longest", type_=BigInteger)
    return cast(
        Executable,
        statement.on_conflict_do_update(
            index_elements=[_TURNS.c.session_id],
            index_where=text("state IN ('due', 'asking', 'waiting')"),
            set_={"due_at": sql.least(statement.excluded.due_at, burst)},
            where=_TURNS.c.state.in_(literals("due")),
        ),
    )


_OWE = Prepared(_owing)
_ASKED = Prepared(
    lambda _: select(_TURNS.c.id).where(
        _TURNS.c.conversation_id == bindparam("conversation"), _TURNS.c.state.in_(literals(*OPEN))
    )
)
_SAID = Prepared(
    lambda _: select(_PUSHES.c.id).where(
        _PUSHES.c.conversation_id == bindparam("conversation"),
        _PUSHES.c.state.in_(literals("owed")),
        _PUSHES.c.role.in_(literals("answer")),
    )
)
_DISCARD = Prepared(
    lambda _: update(_TURNS).where(
        _TURNS.c.session_id == bindparam("session"), _TURNS.c.state.in_(literals(*OPEN))
    )
)


def is_awaited(db: Transaction, conversation_id: str) -> bool:
    """True while an answer of the AI's is under way: to be asked for, or said and not yet sent."""
    named = {"conversation": conversation_id}
    return _ASKED.first(db, named) is not None or _SAID.first(db, named) is not None


def owe(
    db: Transaction, held: Held, ref: SessionRef, cause: str, agent: AgentTerms, now: int
) -> None:
    """Owe the session a turn, or let one that is not asked yet wait for the burst to end.

    While one is being asked nothing is owed: recording its answer looks for words it did not know.
    """
    wait = int(agent.debounce_s * 1e6) if cause != "returned" else 0
    owed = {
        "id": new_id("trn"),
        "conversation_id": held.id,
        "session_id": ref.id,
        "epoch": ref.epoch,
        "cause": cause,
        "state": "due",
        "owed_at": now,
        "due_at": now + wait,
        "tries": 0,
        "timeouts": 0,
        "upto_at": 0,
        "upto_number": 0,
        "origin": held.origin,
        "longest": int(agent.debounce_max_s * 1e6),
    }
    _OWE.later(db, owed)


def discard_open(db: Transaction, ref: SessionRef, why: str, now: int) -> None:
    """Close whatever turn is open; an answer that still comes is recorded as discarded."""
    ended = {"session": ref.id, "state": "discarded", "why": why, "ended_at": now}
    _DISCARD.later(db, ended)
