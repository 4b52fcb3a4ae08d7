"""Claims: who works on what. One row each, taken by compare-and-set, timed by the database."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import cast

from sqlalchemy import BigInteger, Executable, bindparam, delete, select, update

from gateway.store import Database, Transaction
from gateway.store.models import Claim
from gateway.store.prepared import Prepared
from gateway.store.sql import Dialect, table_of

_CLAIMS = table_of(Claim)
_MINE = (
    (_CLAIMS.c.kind == bindparam("of_kind"))
    & (_CLAIMS.c.key == bindparam("of_key"))
    & (_CLAIMS.c.token == bindparam("of_token"))
)


def _taking(sql: Dialect) -> Executable:
    statement = sql.insert(_CLAIMS)
    taking = statement.on_conflict_do_update(
        index_elements=[_CLAIMS.c.kind, _CLAIMS.c.key],
        set_={"token": statement.excluded.token, "until": statement.excluded.until},
        where=_CLAIMS.c.until <= bindparam("now", type_=BigInteger),
    )
    return cast(Executable, taking.returning(_CLAIMS.c.token))


_TAKE = Prepared(_taking)
_EXTEND = Prepared(lambda _: update(_CLAIMS).where(_MINE).returning(_CLAIMS.c.token))
_HOLDS = Prepared(lambda _: select(_CLAIMS.c.token).where(_MINE))
_RELEASE = Prepared(lambda _: delete(_CLAIMS).where(_MINE))


def take(db: Transaction, database: Database, kind: str, key: str, lease_s: float) -> str | None:
    """Take a free or run-out claim and return its token; None if somebody holds it."""
    return ask_for(db, database, kind, key, lease_s)()


def ask_for(
    db: Transaction, database: Database, kind: str, key: str, lease_s: float
) -> Callable[[], str | None]:
    """The same, but return how to get the token: for what goes `in_one_trip` with others."""
    now = database.now(db)
    token = secrets.token_hex(8)
    until = now + int(lease_s * 1e6)
    claim = {"kind": kind, "key": key, "token": token, "until": until, "now": now}
    taken = _TAKE.ask_all(db, [claim])
    return lambda: token if taken() else None


def extend(
    db: Transaction, database: Database, kind: str, key: str, token: str, lease_s: float
) -> bool:
    """Hold a claim for longer; False if it is not ours any more."""
    until = database.now(db) + int(lease_s * 1e6)
    return bool(_EXTEND.run(db, {**_named(kind, key, token), "until": until}))


def holds(db: Transaction, kind: str, key: str, token: str) -> bool:
    """True if the claim is still ours. Run out but taken by nobody, it is."""
    return ask_held(db, kind, key, token)()


def ask_held(db: Transaction, kind: str, key: str, token: str) -> Callable[[], bool]:
    """The same, but return how to know: for what goes `in_one_trip` with others."""
    held = _HOLDS.ask_all(db, [_named(kind, key, token)])
    return lambda: bool(held())


def release(db: Transaction, kind: str, key: str, token: str) -> None:
    """Give a claim back, at the end of the transaction."""
    _RELEASE.later(db, _named(kind, key, token))


def _named(kind: str, key: str, token: str) -> dict[str, object]:
    return {"of_kind": kind, "of_key": key, "of_token": token}
