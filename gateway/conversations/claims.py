"""Claims: who works on what. One row each, taken by compare-and-set, timed by the database."""

from __future__ import annotations

import secrets

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gateway.store import Database
from gateway.store.models import Claim
from gateway.store.sql import insert_into


def take(db: Session, database: Database, kind: str, key: str, lease_s: float) -> str | None:
    """Take a free or run-out claim and return its token; None if somebody holds it."""
    now = database.now(db)
    token = secrets.token_hex(8)
    statement = insert_into(db, Claim).values(
        kind=kind, key=key, token=token, until=now + int(lease_s * 1e6)
    )
    taken = db.scalar(
        statement.on_conflict_do_update(
            index_elements=[Claim.kind, Claim.key],
            set_={"token": statement.excluded.token, "until": statement.excluded.until},
            where=Claim.until <= now,
        ).returning(Claim.token)
    )
    return token if taken == token else None


def extend(
    db: Session, database: Database, kind: str, key: str, token: str, lease_s: float
) -> bool:
    """Hold a claim for longer; False if it is not ours any more."""
    until = database.now(db) + int(lease_s * 1e6)
    extended = db.execute(
        update(Claim)
        .where(Claim.kind == kind, Claim.key == key, Claim.token == token)
        .values(until=until)
        .returning(Claim.token)
    )
    return extended.one_or_none() is not None


def holds(db: Session, kind: str, key: str, token: str) -> bool:
    """True if the claim is still ours. Run out but taken by nobody, it is."""
    found = select(Claim.token).where(Claim.kind == kind, Claim.key == key, Claim.token == token)
    return db.scalar(found) is not None


def release(db: Session, kind: str, key: str, token: str) -> None:
    """Give a claim back."""
    db.execute(delete(Claim).where(Claim.kind == kind, Claim.key == key, Claim.token == token))
