"""One turn under its session's lock: read, ended, or given to people instead of the AI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import bindparam, select, update

from gateway.conversations import doors
from gateway.conversations.reception import Receive
from gateway.conversations.thread import Held, SessionLock
from gateway.errors import NotFound
from gateway.events import SYSTEM
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.store.models import TurnRow
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

UNAVAILABLE = "AI agent unavailable"

_TURNS = table_of(TurnRow)
_SESSION = SessionLock(
    select(_TURNS.c.session_id).where(_TURNS.c.id == bindparam("turn")).scalar_subquery()
)
_TURN = Prepared(lambda sql: sql.locked(select(_TURNS).where(_TURNS.c.id == bindparam("turn"))))
WRITE = Prepared(lambda _: update(_TURNS).where(_TURNS.c.id == bindparam("turn")))


@dataclass(slots=True, kw_only=True)
class Recorded:
    """What became of an answer or a failure, and what to wake.

    `learned_of` is whose session it is, if this is an answer whose findings have just been kept.
    """

    verdict: Literal["recorded", "discarded", "retry", "gave_up"]
    why: str | None = None
    owed: set[str] = field(default_factory=set)
    learned_of: str | None = None


@dataclass(slots=True, kw_only=True)
class HeldTurn:
    """A turn and its session, both locked by this transaction, and by what terms it is treated."""

    db: Transaction
    terms: Terms
    held: Held
    row: Any
    turn: Any
    now: int
    link: str
    reception: Receive

    def end(
        self,
        state: str,
        why: str | None,
        *,
        digest: str | None = None,
        helpful: bool | None = None,
    ) -> None:
        """The turn is over; `digest` is that of an answer, which may come once more."""
        end(self.db, self.turn.id, state, why, self.now, digest=digest, helpful=helpful)

    def by_rule(
        self,
        reason: str,
        *,
        results: Mapping[str, Any] | None = None,
        last_words: Sequence[str] = (),
    ) -> Recorded:
        """Hand the session to people because a rule, or the loop guard, says so."""
        results = self.row.results if results is None else results
        done = doors.give_to_people(
            self.db, self.terms, self.held, self.row.id,
            trigger="rule", by=SYSTEM, reason=reason, link=self.link, now=self.now,
            results=dict(results), last_words=list(last_words), reception=self.reception,
        )  # fmt: skip
        return Recorded(verdict="discarded", why=reason, owed=done.owed)

    def give_up(self, error: str) -> Recorded:
        """No dead air: the customer gets a person instead."""
        self.end("failed", error)
        recorded = Recorded(verdict="gave_up", why=error)
        if self.row.mode == "ai" and self.row.status == "active":
            done = doors.give_to_people(
                self.db, self.terms, self.held, self.row.id,
                trigger="fault", by=SYSTEM, reason=UNAVAILABLE, summary=error, link=self.link,
                now=self.now, reception=self.reception,
            )  # fmt: skip
            recorded.owed |= done.owed
        return recorded


def lock(db: Transaction, turn_id: str) -> tuple[Held, Any, Any]:
    """Lock a turn's conversation, session and row, in this order; raise NotFound."""
    with db.in_one_trip():
        session = _SESSION.ask(db, {"turn": turn_id})
        found = _TURN.ask_all(db, [{"turn": turn_id}])
    turn = next(iter(found()), None)
    if turn is None:
        raise NotFound("there is no such turn")
    held, row = session()
    held.origin = turn.origin or held.origin
    return held, row, turn


def end(
    db: Transaction,
    turn_id: str,
    state: str,
    why: str | None,
    now: int,
    *,
    digest: str | None = None,
    helpful: bool | None = None,
) -> None:
    """Write that a turn is over."""
    ended = {
        "turn": turn_id,
        "state": state,
        "why": why,
        "ended_at": now,
        "digest": digest,
        "verdict": state if digest else None,
        "helpful": helpful,
    }
    WRITE.later(db, ended)
