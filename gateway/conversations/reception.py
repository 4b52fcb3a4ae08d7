"""What a customer is told about the person who should come: the truth as it stands."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select, tuple_

from gateway.policy import Reception, Terms
from gateway.store import Transaction
from gateway.store.models import ChatSession

Receive = Callable[[Transaction, str, int], Reception]
"""How things stand with the people behind an agent (its name) at a moment (µs)."""


def always_open(db: Transaction, agent_name: str, now: int) -> Reception:
    """Where nothing is known of people's hours."""
    return Reception()


def queue_words(
    db: Transaction, terms: Terms, session_id: str, words: str, reception: Reception
) -> str:
    """Fill in `{position}` (1: next) and `{opens_at}`; a line that needs what is unknown goes."""
    lines = []
    for line in words.splitlines():
        if "{opens_at}" in line:
            if reception.opens_at is None:
                continue
            line = line.replace("{opens_at}", reception.opens_at)
        if "{position}" in line:
            line = line.replace("{position}", str(queue_position(db, terms.agent.name, session_id)))
        lines.append(line)
    return "\n".join(lines).strip()


def queue_position(db: Transaction, agent_name: str, session_id: str) -> int:
    """How many of the agent's sessions wait for a person no shorter than this one, itself too."""
    mine = select(ChatSession.wait_since, ChatSession.id).where(ChatSession.id == session_id)
    row = db.execute(mine).one()
    if row.wait_since is None:
        return 1
    earlier = db.scalar(
        select(func.count()).where(
            ChatSession.wait_step == "accept",
            ChatSession.agent == agent_name,
            tuple_(ChatSession.wait_since, ChatSession.id) <= tuple_(row.wait_since, row.id),
        )
    )
    return max(1, earlier or 1)
