"""Turns: when the AI agent is owed a question, what it is asked, and what becomes of its answer."""

from __future__ import annotations

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from gateway.conversations.runs import SessionRef
from gateway.conversations.thread import Held
from gateway.policy import AgentTerms
from gateway.store import new_id
from gateway.store.models import TurnRow
from gateway.store.sql import insert_into

OPEN = ("due", "asking", "waiting")


def owe(db: Session, held: Held, ref: SessionRef, cause: str, agent: AgentTerms, now: int) -> None:
    """Owe the session a turn, or let one that is not asked yet wait for the burst to end.

    While one is being asked nothing is owed: recording its answer looks for words it did not know.
    """
    wait = int(agent.debounce_s * 1e6) if cause != "returned" else 0
    longest = int(agent.debounce_max_s * 1e6)
    statement = insert_into(db, TurnRow).values(
        id=new_id("trn"),
        conversation_id=held.id,
        session_id=ref.id,
        epoch=ref.epoch,
        cause=cause,
        state="due",
        owed_at=now,
        due_at=now + wait,
    )
    later = statement.excluded.due_at
    bound = TurnRow.owed_at + longest
    db.execute(
        statement.on_conflict_do_update(
            index_elements=[TurnRow.session_id],
            index_where=text("state IN ('due', 'asking', 'waiting')"),
            set_={"due_at": _least(db, later, bound)},
            where=TurnRow.state == "due",
        )
    )


def discard_open(db: Session, ref: SessionRef, why: str, now: int) -> None:
    """Close whatever turn is open; an answer that still comes is recorded as discarded."""
    db.execute(
        update(TurnRow)
        .where(TurnRow.session_id == ref.id, TurnRow.state.in_(OPEN))
        .values(state="discarded", why=why, ended_at=now)
    )


def _least(db: Session, one: object, other: object) -> object:
    from sqlalchemy import func

    return (func.min if db.get_bind().dialect.name == "sqlite" else func.least)(one, other)
