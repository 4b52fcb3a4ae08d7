"""A contact's history: the one place through which every change of a contact goes."""

from __future__ import annotations

from typing import Any, Literal

from gateway.contacts.details import Json, Source
from gateway.feed import tell
from gateway.store import Transaction, new_id
from gateway.store.models import ContactChange
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

Kind = Literal["said", "edited", "verified", "learned", "joined", "split", "sent", "not_sent"]
"""`sent` and `not_sent`: what became of an edit that a channel was owed."""

_OUTCOMES = ("sent", "not_sent")

_CHANGES = table_of(ContactChange)
_NOTE = Prepared(lambda sql: sql.insert(_CHANGES))


def note(
    db: Transaction,
    contact_id: str,
    standing_id: str,
    kind: Kind,
    source: Source,
    changes: Json,
    now: int,
    *,
    tell_of: bool,
    join_id: str | None = None,
    why: str | None = None,
    joined: str | None = None,
) -> None:
    """Write a line of history with the contact it came to, and tell of the one that stands.

    Whoever follows is told (`tell_of`) what is shown otherwise now, and reads the rest where it is
    kept; `joined` is a contact that does not stand for itself any more.
    """
    outcome = kind if kind in _OUTCOMES else None
    row: dict[str, Any] = {
        "id": new_id("chg"),
        "contact_id": contact_id,
        "kind": "said" if outcome else kind,
        "at": now,
        "source": source.to_json(),
        "changes": changes,
        "join_id": join_id,
        "outcome": outcome,
        "why": why,
    }
    _NOTE.later(db, row)
    if tell_of:
        told: Json = {"kind": kind, "changed": list(changes)}
        if joined is not None:
            told["joined"] = joined
        tell(db, "contact.updated", at=now, contact_id=standing_id, data=told)
