"""Which sessions a list has: the filters, the order, and where a page ends.

What is chosen here are keys alone, from `chat_sessions` and an index on it; what is told of each is
joined for those of one page. So a page costs the same at a hundred sessions and at a hundred
thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Select,
    String,
    and_,
    any_,
    false,
    literal,
    or_,
    select,
    tuple_,
)

from gateway.reading.searching import NEAR, Walk, sessions_that_say, walk
from gateway.store import Transaction
from gateway.store.models import (
    ChatSession,
    Contact,
    Conversation,
    Installation,
    Operator,
    OperatorLink,
    Staff,
)
from gateway.store.sql import literals
from gateway.store.words import words_of

RESPONSIBLE_KINDS = ("ai", "operator", "bot", "unassigned")
_MODES = ("ai", "human", "copilot")
_STATUSES = ("active", "finished")
_MOST_NAMESAKES = 1_000
_KEY = (ChatSession.opened_at, ChatSession.id)
NEWEST = (ChatSession.opened_at.desc(), ChatSession.id.desc())

Key = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions. `responsible` is a kind, an id or part of a name; `contact` is the id of one
    that stands for itself; `waits`: what customers wait for; `since` and `until` (not included):
    when they were opened, µs; `q`: words that begin words of a message, or of the contact's name
    and e-mail."""

    status: Literal["active", "finished"] | None = None
    mode: Literal["ai", "human", "copilot"] | None = None
    channel: str | None = None
    conversation: str | None = None
    responsible: str | None = None
    contact: str | None = None
    agent: str | None = None
    waits: Literal["accept", "first_reply", "reply"] | None = None
    since: int | None = None
    until: int | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sessions of a page, the newest first, and the key after which to go on, if at all.

    A search that has looked long enough ends its page early, even with nothing found.
    """

    ids: Sequence[str] = ()
    following: Key | None = None


def choose(
    db: Transaction,
    wanted: SessionFilter,
    *,
    limit: int,
    after: Key | None = None,
    start: Key | None = None,
    newer_than: Key | None = None,
) -> Chosen:
    """Choose the sessions of a page: those `after` a key, or from that of `start` on.

    `newer_than`: only those that stand before this key.
    """
    conditions = _conditions(db, wanted)
    if after is not None:
        conditions.append(tuple_(*_KEY) < tuple_(*after))
    if start is not None:
        conditions.append(tuple_(*_KEY) <= tuple_(*start))
    if newer_than is not None:
        conditions.append(tuple_(*_KEY) > tuple_(*newer_than))
    asked = (wanted.q or "").strip()
    if not asked:
        return _page(db, select(*_KEY).where(*conditions), limit)
    words = words_of(asked)
    if not words:
        return Chosen()
    candidates = select(*_KEY, ChatSession.message_count).where(*conditions)

    def within(walked: Walk) -> Chosen:
        page = _page(db, select(*_KEY).where(*conditions, *walked.within), limit)
        if page.following is None and walked.more:
            return Chosen(page.ids, walked.last)
        return page

    if db.kind != "sqlite":
        walked = walk(db, words, candidates, NEWEST, far=NEAR)
        page = within(walked) if walked is not None else Chosen()
        if len(page.ids) == limit or page.following is None:
            return page
        few = sessions_that_say(db, words)
        if few is not None:
            rare = ChatSession.id == any_(literal(few, ARRAY(String)))
            return _page(db, select(*_KEY).where(*conditions, rare), limit)
    walked = walk(db, words, candidates, NEWEST)
    return within(walked) if walked is not None else Chosen()


def _page(db: Transaction, keys: Select[*tuple[Any, ...]], limit: int) -> Chosen:
    rows = db.execute(keys.order_by(*NEWEST).limit(limit + 1)).all()
    page = rows[:limit]
    following = (page[-1].opened_at, page[-1].id) if len(rows) > limit else None
    return Chosen([row.id for row in page], following)


def _conditions(db: Transaction, wanted: SessionFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        conditions.append(_word(ChatSession.status, wanted.status, _STATUSES))
    if wanted.mode is not None:
        conditions.append(_word(ChatSession.mode, wanted.mode, _MODES))
    if wanted.channel is not None:
        conditions.append(ChatSession.channel == wanted.channel)
    if wanted.conversation is not None:
        named = select(Conversation.id).where(Conversation.external_id == wanted.conversation)
        conditions.append(ChatSession.conversation_id.in_(named))
    if wanted.contact is not None:
        joined = select(Contact.id).where(Contact.joined_into == wanted.contact)
        whose = Conversation.contact_id
        theirs = select(Conversation.id).where(or_(whose == wanted.contact, whose.in_(joined)))
        conditions.append(ChatSession.conversation_id.in_(theirs))
    if wanted.agent is not None:
        conditions.append(ChatSession.agent == wanted.agent)
    if wanted.waits is not None:
        conditions.append(ChatSession.wait_step == wanted.waits)
    if wanted.since is not None:
        conditions.append(ChatSession.opened_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(ChatSession.opened_at < wanted.until)
    if wanted.responsible is not None and wanted.responsible.strip():
        conditions.append(held_by(db, wanted.responsible.strip()))
    return conditions


def _word(column: Any, word: str, known: Sequence[str]) -> ColumnElement[bool]:
    """A word of ours, written out: partial indexes are found by it."""
    return column.in_(literals(word)) if word in known else false()


def held_by(db: Transaction, who: str) -> ColumnElement[bool]:
    """Whoever is responsible is of this kind, has this id, or a name that this is a part of.

    Who that may be is looked up first: of people there are few.
    """
    if who in RESPONSIBLE_KINDS:
        return _word(ChatSession.responsible_kind, who, RESPONSIBLE_KINDS)
    ids: dict[tuple[str | None, str], set[str]] = {(None, "operator"): {who}}
    for row in _staff_called(db, who):
        ids.setdefault((row.channel, row.kind), set()).add(row.id)
    for row in _operators_called(db, who):
        ids[None, "operator"].add(row.id)
        if row.channel is not None:
            ids.setdefault((row.channel, "operator"), set()).add(row.external_id)
    anybody = [
        and_(
            ChatSession.responsible_kind.in_(literals(kind)),
            ChatSession.responsible_id.in_(sorted(some)),
            *([ChatSession.channel == channel] if channel is not None else []),
        )
        for (channel, kind), some in ids.items()
        if kind in RESPONSIBLE_KINDS
    ]
    return and_(
        ChatSession.responsible_id.is_not(None),
        or_(
            ChatSession.responsible_id == who,
            ChatSession.responsible_name.icontains(who, autoescape=True),
            *anybody,
        ),
    )


def _staff_called(db: Transaction, name: str) -> Sequence[Row[*tuple[Any, ...]]]:
    return db.execute(
        select(Installation.channel, Staff.kind, Staff.external_id.label("id"))
        .join(Installation, Installation.id == Staff.installation_id)
        .where(Staff.name.icontains(name, autoescape=True))
        .limit(_MOST_NAMESAKES)
    ).all()


def _operators_called(db: Transaction, who: str) -> Sequence[Row[*tuple[Any, ...]]]:
    return db.execute(
        select(Operator.id, OperatorLink.channel, OperatorLink.external_id)
        .outerjoin(OperatorLink, OperatorLink.operator_id == Operator.id)
        .where(or_(Operator.id == who, Operator.name.icontains(who, autoescape=True)))
        .limit(_MOST_NAMESAKES)
    ).all()
