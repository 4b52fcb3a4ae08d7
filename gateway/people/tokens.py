"""An operator's API tokens, as administrators see them: which there are, made, revoked."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from gateway.errors import Conflict, NotFound
from gateway.people import operators
from gateway.store import Transaction
from gateway.store.models import Operator, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a token: not the token. Times in µs."""

    id: str
    created_at: int
    revoked_at: int | None


def of_operator(db: Transaction, operator_id: str) -> list[Known]:
    """Every token that an operator ever had, the newest first; raise NotFound."""
    _active(db, operator_id)
    rows = db.execute(
        select(Token.id, Token.created_at, Token.revoked_at)
        .where(Token.operator_id == operator_id)
        .order_by(Token.created_at.desc(), Token.id.desc())
    )
    return [Known(id=row.id, created_at=row.created_at, revoked_at=row.revoked_at) for row in rows]


def make(db: Transaction, operator_id: str, now: int) -> tuple[Known, str]:
    """Make a token; return what is known of it, and the token, which is seen just once.

    Raises NotFound, and Conflict for somebody who is deactivated.
    """
    if not _active(db, operator_id):
        raise Conflict("they are deactivated; no token would let them in")
    token = operators.new_token(db, operator_id, now)
    id = operators.authenticate(db, token).token_id
    return Known(id=str(id), created_at=now, revoked_at=None), token


def revoke(db: Transaction, operator_id: str, token_id: str, now: int) -> Known:
    """Make a token worthless, at once and for good; the same again changes nothing.

    Raises NotFound.
    """
    mine = (Token.id == token_id, Token.operator_id == operator_id)
    db.execute(update(Token).where(*mine, Token.revoked_at.is_(None)).values(revoked_at=now))
    row = db.execute(
        select(Token.id, Token.created_at, Token.revoked_at).where(*mine)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such token")
    return Known(id=row.id, created_at=row.created_at, revoked_at=row.revoked_at)


def _active(db: Transaction, operator_id: str) -> bool:
    """Whether an operator may come in at all; raise NotFound."""
    row = db.execute(
        select(Operator.deactivated_at).where(Operator.id == operator_id)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such operator")
    return row.deactivated_at is None
