"""Offers: a session that waits is offered to one person at a time, for a while."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, exists, select, update

from gateway.store import Transaction, new_id
from gateway.store.models import ChatSession, Offer
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, literals, table_of

_OFFERS = table_of(Offer)
_END = Prepared(
    lambda _: update(_OFFERS).where(
        _OFFERS.c.session_id == bindparam("session"), _OFFERS.c.state.in_(literals("open"))
    )
)


def due(db: Transaction, agents: list[str], now: int, limit: int) -> list[str]:
    """Sessions of these agents that wait, and stand offered to nobody at this moment."""
    stands = exists().where(
        Offer.session_id == ChatSession.id, Offer.state == "open", Offer.until > now
    )
    rows = db.execute(
        select(ChatSession.id)
        .where(
            ChatSession.wait_step == "accept",
            ChatSession.agent.in_(agents),
            ~stands,
        )
        .order_by(ChatSession.wait_since)
        .limit(limit)
    )
    return [row.id for row in rows]


def current(db: Transaction, session_id: str) -> Any | None:
    """The open offer of a session; None if there is none."""
    return db.execute(
        select(Offer.id, Offer.operator_id, Offer.until).where(
            Offer.session_id == session_id, Offer.state == "open"
        )
    ).one_or_none()


def asked(db: Transaction, session_id: str, since: int) -> list[str | None]:
    """Who was offered the session since it waits, in order; None where nobody was free."""
    rows = db.execute(
        select(Offer.operator_id)
        .where(Offer.session_id == session_id, Offer.offered_at >= since)
        .order_by(Offer.id)
    )
    return [row.operator_id for row in rows]


def offer(db: Transaction, session_id: str, operator_id: str | None, now: int, until: int) -> None:
    """Offer it to somebody until then; to nobody (None): look again then."""
    db.execute(
        insert_into(db, Offer).values(
            id=new_id("off"), session_id=session_id, operator_id=operator_id,
            offered_at=now, until=until, state="open",
        )
    )  # fmt: skip


def end(db: Transaction, session_id: str, state: str, now: int) -> None:
    """End the open offer of a session."""
    _END.later(db, {"session": session_id, "state": state, "ended_at": now})
