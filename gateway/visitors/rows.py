"""A visitor at rest: found, made when something must be kept, bound once to a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, bindparam, case, func, select, update

from gateway.channels.webwidget.backend import Visitor
from gateway.contacts.details import VERIFIED, Said, normal
from gateway.contacts.trees import decode_said
from gateway.store import Transaction, new_id
from gateway.store.models import (
    ChatSession,
    ContactIdentity,
    Conversation,
    Installation,
)
from gateway.store.models import Visitor as VisitorRow
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, locked, table_of

MOST_PARAMETERS = 50
MOST_PARAMETER_BYTES = 4_096

_VISITORS = table_of(VisitorRow)
_ROW = Prepared(
    lambda _: select(_VISITORS).where(
        _VISITORS.c.id == bindparam("visitor"), _VISITORS.c.channel == bindparam("channel")
    )
)
_SAID = Prepared(
    lambda _: (
        select(ContactIdentity.said)
        .join(Installation, Installation.id == ContactIdentity.installation_id)
        .where(
            Installation.channel == bindparam("channel"),
            ContactIdentity.external_id == bindparam("visitor"),
        )
    )
)


def find(db: Transaction, channel: str, visitor_id: str) -> Visitor:
    """What is known of a visitor."""
    row = _ROW.first(db, {"visitor": visitor_id, "channel": channel})
    said = said_of(db, channel, visitor_id)
    details: dict[str, Any] = {
        name: said[name].value for name in ("name", "email", "phone") if name in said
    }
    if row is None:
        return Visitor(channel=channel, id=visitor_id, **details)
    return Visitor(
        channel=channel, id=visitor_id, user=row.user_key, generation=row.generation,
        parameters=row.parameters, **details,
    )  # fmt: skip


def said_of(db: Transaction, channel: str, visitor_id: str) -> Mapping[str, Said]:
    """What the channel said of a visitor so far, by detail."""
    row = _SAID.first(db, {"visitor": visitor_id, "channel": channel})
    return {} if row is None else decode_said(row.said)


def is_told_of(db: Transaction, channel: str, visitor_id: str, user: str) -> bool:
    """Whether the contact of a visitor is known to be this user's."""
    said = said_of(db, channel, visitor_id).get("external_id")
    return said is not None and (said.value, said.level) == (normal("external_id", user), VERIFIED)


def bind(db: Transaction, channel: str, visitor_id: str, user: str, now: int) -> bool:
    """Make a visitor a user's, for good; False if they are somebody else's.

    Whoever had a token of the anonymous visitor does not become the user by it: such tokens are
    void from here on.
    """
    row = hold(db, channel, visitor_id, now)
    if row.user_key is None:
        db.execute(
            update(VisitorRow)
            .where(VisitorRow.id == visitor_id, VisitorRow.user_key.is_(None))
            .values(user_key=user, generation=VisitorRow.generation + 1)
        )
        return True
    return bool(row.user_key == user)


def hold(db: Transaction, channel: str, visitor_id: str, now: int) -> Any:
    """Lock a visitor's row, making it if there is none."""
    db.execute(
        insert_into(db, VisitorRow)
        .values(
            id=visitor_id, channel=channel, user_key=None, generation=0, parameters={},
            created_at=now,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    query = select(*_VISITORS.c).where(_VISITORS.c.id == visitor_id, _VISITORS.c.channel == channel)
    return db.execute(locked(db, query)).one()


def owner_of(db: Transaction, channel: str, visitor_id: str) -> str | None:
    """The user whose visitor it is; None for nobody's yet."""
    row = _ROW.first(db, {"visitor": visitor_id, "channel": channel})
    return None if row is None else row.user_key


def conversation_of(db: Transaction, channel: str, visitor_id: str) -> str | None:
    """Our id of a visitor's conversation; None if they never spoke."""
    return db.scalar(
        select(Conversation.id).where(
            Conversation.channel == channel, Conversation.external_id == visitor_id
        )
    )


def state_of(db: Transaction, channel: str, visitor_id: str) -> str | None:
    """`active` or `finished`, as the visitor's latest session is; None if they never spoke."""
    return db.execute(
        select(ChatSession.status)
        .join(Conversation, Conversation.id == ChatSession.conversation_id)
        .where(Conversation.channel == channel, Conversation.external_id == visitor_id)
        .order_by(ChatSession.opened_at.desc(), ChatSession.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def latest_of(db: Transaction, channel: str, user: str) -> str | None:
    """The visitor of the session in which a user was active last; None if they have no visitor."""
    conversation = and_(
        Conversation.external_id == VisitorRow.id, Conversation.channel == VisitorRow.channel
    )
    spoke_at = func.coalesce(ChatSession.last_message_at, ChatSession.opened_at, 0)
    return db.execute(
        select(VisitorRow.id)
        .outerjoin(Conversation, conversation)
        .outerjoin(ChatSession, ChatSession.conversation_id == Conversation.id)
        .where(VisitorRow.channel == channel, VisitorRow.user_key == user)
        .order_by(
            case((ChatSession.status == "active", 0), else_=1),
            spoke_at.desc(),
            VisitorRow.created_at.desc(),
            VisitorRow.id.desc(),
        )
        .limit(1)
    ).scalar_one_or_none()


def merged(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is known with what is given now; the oldest goes where there is too much."""
    kept = {name: known[name] for name in known if name not in given} | dict(given)
    names = list(kept)
    while len(kept) > MOST_PARAMETERS or _size(kept) > MOST_PARAMETER_BYTES:
        del kept[names.pop(0)]
    return kept


def _size(parameters: Mapping[str, Any]) -> int:
    return sum(len(name.encode()) + len(str(one).encode()) for name, one in parameters.items())


def new_visitor_id() -> str:
    """An id that nobody can guess."""
    return new_id("vis")
