"""Facts at rest: kept once, under the id that the channel gave, and read back for the fold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway import events
from gateway.events import Fact, MessageReceived, NoteAdded
from gateway.store.models import FactRow
from gateway.store.sql import insert_into

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
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in _KINDS.items()}


def name_of(fact: Fact) -> str:
    """The word under which this kind of fact is kept."""
    return _NAMES[type(fact)]


def keep(db: Session, conversation_id: str, facts: Sequence[Fact]) -> list[Fact]:
    """Keep what is not known yet; return just that."""
    if not facts:
        return []
    rows = [
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
    statement = (
        insert_into(db, FactRow)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(FactRow.external_id, FactRow.kind)
    )
    fresh = {(row.external_id, row.kind) for row in db.execute(statement)}
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
    query = select(FactRow.external_id, FactRow.kind).where(
        FactRow.conversation_id == conversation_id
    )
    known: Collection[tuple[str, str]] = {(row.external_id, row.kind) for row in db.execute(query)}
    return [fact for fact in facts if (fact.id, name_of(fact)) not in known]


def _encode(fact: Fact) -> str:
    # Words live in messages, where they can be redacted; the fold does not need them.
    if isinstance(fact, MessageReceived | NoteAdded):
        fact = replace(fact, text="", html="", attachments=())
    return msgspec.json.encode(fact).decode()
