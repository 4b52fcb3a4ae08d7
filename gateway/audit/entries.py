"""Writing entries, and removing those that are older than the settings keep them."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, select

from gateway.audit.masking import masked
from gateway.store import Transaction, new_id
from gateway.store.models import AuditEntry, AuditHorizon
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, table_of

Json = dict[str, Any]
Kind = Literal["operator", "cli", "system"]
Outcome = Literal["begun", "done", "refused"]

_WRITE = Prepared(lambda sql: sql.insert(table_of(AuditEntry)))
_LONGEST_NAME = 200
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Somebody who acts, and from where. `token_id`: which of their tokens, if by one."""

    kind: Kind
    name: str
    id: str | None = None
    token_id: str | None = None
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """What is acted on: `Thing("session", "ses_…")`."""

    kind: str
    id: str | None = None


SYSTEM = Who(kind="system", name="gateway")
"""The gateway itself."""


def command_line() -> Who:
    """Whoever typed a command: the user of this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "somebody"
    return Who(kind="cli", name=f"{user}@{socket.gethostname()}")


def write(
    db: Transaction,
    who: Who,
    action: str,
    thing: Thing | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    *,
    now: int,
    outcome: Outcome = "done",
    reason: str | None = None,
) -> str:
    """Write an entry in the action's own transaction; return its id.

    `before` and `after` hold what changed (`changes`), small: secrets and texts are masked here,
    and what is too long is cut. `reason` goes with refusals, and only with them.
    """
    id = new_id("aud")
    entry = {
        "id": id,
        "at": now,
        "actor_kind": who.kind,
        "actor_id": who.id,
        "actor_name": _plain(who.name, _LONGEST_NAME),
        "token_id": who.token_id,
        "address": who.address,
        "request_id": who.request_id,
        "action": action,
        "object_kind": thing.kind if thing else None,
        "object_id": _plain(thing.id, _LONGEST_NAME) if thing and thing.id else None,
        "before": masked(before),
        "after": masked(after),
        "outcome": outcome,
        "reason": _plain(reason, _LONGEST_REASON) if reason is not None else None,
    }
    _WRITE.later(db, entry)
    return id


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Json, Json]:
    """What of two states differs: as it was, and as it is."""
    names = [name for name in {**before, **after} if before.get(name, ...) != after.get(name, ...)]
    return (
        {name: before[name] for name in names if name in before},
        {name: after[name] for name in names if name in after},
    )


def forget(db: Transaction, until: int, *, most: int = 1_000) -> int:
    """Remove up to `most` entries from before `until` (µs); return how many those were."""
    db.execute(
        insert_into(db, AuditHorizon)
        .values(one=1, until=until)
        .on_conflict_do_update(index_elements=[AuditHorizon.one], set_={"until": until})
    )
    old = select(AuditEntry.id).where(AuditEntry.at < until).order_by(AuditEntry.at).limit(most)
    gone = db.execute(delete(AuditEntry).where(AuditEntry.id.in_(old)).returning(AuditEntry.id))
    return len(gone.all())


def _plain(text: str, longest: int) -> str:
    """Text that both databases can keep, no longer than that."""
    return text.replace("\x00", "")[:longest]
