"""Facts at rest: kept once, under the id that the channel gave, and read back for the fold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec
from sqlalchemy import bindparam, select, update

from gateway import events
from gateway.events import Fact, MessageReceived, NoteAdded
from gateway.store import Transaction
from gateway.store.models import FactRow
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

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
    "responsible": events.ResponsibleSet,
    "deadline": events.DeadlinePassed,
    "handed_back": events.HandedBack,
    "copilot": events.CopilotSet,
    "finished": events.Finished,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_FACTS = table_of(FactRow)
_KEEP = Prepared(lambda sql: sql.insert(_FACTS))
_KNOWN = Prepared(
    lambda _: select(_FACTS.c.conversation_id, _FACTS.c.external_id, _FACTS.c.kind).where(
        _FACTS.c.conversation_id == bindparam("conversation"),
        _FACTS.c.external_id == bindparam("external"),
        _FACTS.c.kind == bindparam("of_kind"),
    )
)
_KNOWN_OF_ALL = Prepared(
    lambda _: select(_FACTS.c.conversation_id, _FACTS.c.external_id, _FACTS.c.kind).where(
        _FACTS.c.conversation_id == bindparam("conversation")
    )
)
_ALL = Prepared(
    lambda _: select(_FACTS.c.kind, _FACTS.c.data).where(
        _FACTS.c.conversation_id == bindparam("conversation")
    )
)
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in _KINDS.items()}


def name_of(fact: Fact) -> str:
    """The word under which this kind of fact is kept."""
    return _NAMES[type(fact)]


Name = tuple[str, str, str]
"""Which fact it is: the conversation's id, the fact's, and its kind."""

_MANY = 20


def ask_known(
    db: Transaction, reported: Sequence[tuple[str, Sequence[Fact]]]
) -> Callable[[], set[Name]]:
    """Ask which of these facts of (locked) conversations are kept already."""
    some, all_of = [], []
    for conversation_id, facts in reported:
        if len(facts) > _MANY:  # a read tells a whole conversation
            all_of.append({"conversation": conversation_id})
        else:
            some += [
                {"conversation": conversation_id, "external": fact.id, "of_kind": name_of(fact)}
                for fact in facts
            ]
    found = (_KNOWN.ask(db, some), _KNOWN_OF_ALL.ask(db, all_of))
    return lambda: {tuple(row) for asked in found for rows in asked() for row in rows}


def unknown(conversation_id: str, facts: Iterable[Fact], known: set[Name]) -> list[Fact]:
    """Those of `facts` that are not kept yet, each once."""
    named = {(conversation_id, fact.id, name_of(fact)): fact for fact in facts}
    return [fact for name, fact in named.items() if name not in known]


def keep(db: Transaction, conversation_id: str, facts: Iterable[Fact]) -> None:
    """Keep facts that are not known yet."""
    for fact in facts:
        _KEEP.later(db, _row(conversation_id, fact))


def rewrite(db: Transaction, conversation_id: str, fact: Fact) -> None:
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


def load(db: Transaction, conversation_id: str) -> list[Fact]:
    """Every fact of a conversation, in no order."""
    rows = _ALL.run(db, {"conversation": conversation_id})
    return [_DECODERS[row.kind].decode(row.data) for row in rows]


def _row(conversation_id: str, fact: Fact) -> dict[str, object]:
    return {
        "conversation_id": conversation_id,
        "external_id": fact.id,
        "kind": name_of(fact),
        "at": fact.at.at,
        "number": fact.at.number,
        "step": fact.at.step,
        "data": _encode(fact),
    }


def _encode(fact: Fact) -> str:
    # Words live in messages, where they can be redacted; the fold does not need them.
    if isinstance(fact, MessageReceived | NoteAdded):
        fact = replace(fact, text="", html="", attachments=())
    return msgspec.json.encode(fact).decode()
