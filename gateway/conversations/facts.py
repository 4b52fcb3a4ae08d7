"""Facts at rest: kept once, under the id that the channel gave, and read back for the fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from gateway import events
from gateway.events import Fact, MessageReceived, NoteAdded
from gateway.store.models import FactRow
from gateway.store.sql import Prepared, table_of

_KINDS: dict[str, type[Fact]] = {
    "message": events.MessageReceived,
    "note": events.NoteAdded,
    "assigned": events.Assigned,
    "seen": events.AssigneeSeen,
    "closed": events.Closed,
    "reopened": events.Reopened,
    "snoozed": events.Snoozed,
    "deleted": events.ConversationDeleted,
    "handed_over": events.HandedOver,
    "handed_back": events.HandedBack,
    "copilot": events.CopilotSet,
    "finished": events.Finished,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_FACTS = table_of(FactRow)
_KEEP = Prepared(
    lambda sql: (
        sql.insert(_FACTS).on_conflict_do_nothing().returning(_FACTS.c.external_id, _FACTS.c.kind)
    )
)
_KNOWN = Prepared(
    lambda _: select(_FACTS.c.external_id, _FACTS.c.kind).where(
        _FACTS.c.conversation_id == bindparam("conversation")
    )
)
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in _KINDS.items()}


def name_of(fact: Fact) -> str:
    """The word under which this kind of fact is kept."""
    return _NAMES[type(fact)]


def keep(db: Session, conversation_id: str, facts: Sequence[Fact]) -> list[Fact]:
    """Keep what is not known yet; return just that."""
    if not facts:
        return []
    parameters = [
        {
            "conversation_id": conversation_id,
            "external_id": fact.id,
            "kind": name_of(fact),
            "at": fact.at.at,
            "number": fact.at.number,
            "step": fact.at.step,
            "data": _encode(fact),
        }
        for fact in facts
    ]
    fresh = {(row.external_id, row.kind) for row in db.execute(_KEEP.on(db), parameters)}
    return [fact for fact in facts if (fact.id, name_of(fact)) in fresh]


def rewrite(db: Session, conversation_id: str, fact: Fact) -> None:
    """Put a fact that is known already into other words, after learning more about it."""
    db.execute(
        update(FactRow)
        .where(
            FactRow.conversation_id == conversation_id,
            FactRow.external_id == fact.id,
            FactRow.kind == name_of(fact),
        )
        .values(data=_encode(fact), at=fact.at.at, number=fact.at.number, step=fact.at.step)
    )


def load(db: Session, conversation_id: str) -> list[Fact]:
    """Every fact of a conversation, in no order."""
    query = select(FactRow.kind, FactRow.data).where(FactRow.conversation_id == conversation_id)
    return [_DECODERS[row.kind].decode(row.data) for row in db.execute(query)]


def unknown(db: Session, conversation_id: str, facts: Iterable[Fact]) -> list[Fact]:
    """Those of `facts` that are not kept yet."""
    rows = db.execute(_KNOWN.on(db), {"conversation": conversation_id})
    known = {(row.external_id, row.kind) for row in rows}
    return [fact for fact in facts if (fact.id, name_of(fact)) not in known]


def _encode(fact: Fact) -> str:
    # Words live in messages, where they can be redacted; the fold does not need them.
    if isinstance(fact, MessageReceived | NoteAdded):
        fact = replace(fact, text="", html="", attachments=())
    return msgspec.json.encode(fact).decode()
