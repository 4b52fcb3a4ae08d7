"""Human Agents: the sessions that people hold or are waited for in, the most urgent ones first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from gateway.reading.choosing import held_by
from gateway.reading.names import Person, find_names
from gateway.reading.previews import preview
from gateway.reading.sessions import Json, Refusal, find_session, rows_to_json, sessions_query
from gateway.store import Transaction
from gateway.store.models import (
    UNPLACED,
    ChatSession,
    Contact,
    Conversation,
    Installation,
    Message,
    OperatorReadMark,
    Staff,
)
from gateway.store.prepared import Prepared
from gateway.store.sql import literals

AT_ONCE = 100
"""So many sessions are shown; more than that nobody looks through without a filter."""
_PREVIEW = 160

Show = Literal["all", "mine", "unassigned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Who looks: an operator, `links` (who they are in a channel), and where they can answer."""

    id: str
    links: Mapping[str, str] = field(default_factory=dict)
    channels: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFilter:
    """Which sessions: the looker's own, those that nobody has, and those with a name: part of the
    customer's, or of the name of whoever holds them."""

    show: Show = "all"
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many there are. `waiting`: to be accepted, where the looker can answer."""

    all: int = 0
    mine: int = 0
    unassigned: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Sessions as the API tells them, with `last` (the last public word), `unread` (how much of the
    customer's the looker has not read, and nobody inside has answered), `workspace` (as the channel
    names it) and `mine`; `more`: there are others."""

    items: Sequence[Json]
    more: bool
    counts: Counts


def find_desk(
    db: Transaction, seat: Seat, wanted: DeskFilter, *, refusal: Refusal, limit: int = AT_ONCE
) -> Desk:
    """What is to be done by people now, in a dozen statements at most, however much it is.

    First those who wait, by their deadline; then the others, by their last word.
    """
    query = sessions_query().where(_WITH_PEOPLE, *_conditions(db, seat, wanted))
    rows = db.execute(
        query.order_by(
            ChatSession.wait_due.is_(None),
            ChatSession.wait_due,
            ChatSession.last_message_at.desc(),
            ChatSession.id,
        ).limit(limit + 1)
    ).all()
    shown = rows[:limit]
    ids = [{"session": row.id} for row in shown]
    theirs = [{**one, "operator": seat.id} for one in ids]
    with db.in_one_trip():
        asked_last, asked_unread = _LAST.ask(db, ids), _UNREAD.ask(db, theirs)
    workspaces = {row.id: row.external_id for row in db.execute(_WORKSPACES)} if shown else {}
    items = [
        {
            **session,
            "workspace": workspaces[row.installation],
            "last": _last(last[0]) if last else None,
            "unread": unread[0].many,
            "mine": is_mine(seat, session),
        }
        for row, session, last, unread in zip(
            shown, rows_to_json(db, shown, refusal), asked_last(), asked_unread(), strict=True
        )
    ]
    return Desk(items=items, more=len(rows) > limit, counts=count_desk(db, seat))


def find_at_desk(db: Transaction, seat: Seat, session_id: str, *, refusal: Refusal) -> Json:
    """One session, as the API tells it, with `workspace`, `mine`, and `seat`: as whom the looker
    answers in its channel (`id`, `name`), None where nobody has told. Raises NotFound."""
    session = find_session(db, session_id, refusal=refusal)
    installation = db.execute(
        _WORKSPACES.join(Conversation, Conversation.installation_id == Installation.id)
        .join(ChatSession, ChatSession.conversation_id == Conversation.id)
        .where(ChatSession.id == session_id)
    ).one()
    link = seat.links.get(session["channel"])
    person = Person(installation.id, "operator", link)
    return {
        **session,
        "workspace": installation.external_id,
        "mine": is_mine(seat, session),
        "seat": {"id": link, "name": find_names(db, [person]).name(person)} if link else None,
    }


def find_teams(db: Transaction, channel: str) -> list[tuple[str, str]]:
    """The teams that a channel has told of: its ids of them, and their names, by name."""
    rows = db.execute(
        select(Staff.external_id, Staff.name)
        .join(Installation, Installation.id == Staff.installation_id)
        .where(Installation.channel == channel, Staff.kind == "team", Staff.removed.is_(False))
        .order_by(Staff.name, Staff.external_id)
    )
    return [(row.external_id, row.name or f"Team {row.external_id}") for row in rows]


def count_desk(db: Transaction, seat: Seat) -> Counts:
    """Count what is to be done by people now, in one statement."""
    counted = db.execute(_COUNTED).all()
    mine = {(channel, id) for channel, id in seat.links.items()}

    def of(row: Any) -> bool:
        return row.responsible_kind == "operator" and (
            row.responsible_id == seat.id or (row.channel, row.responsible_id) in mine
        )

    return Counts(
        all=sum(row.many for row in counted),
        mine=sum(row.many for row in counted if of(row)),
        unassigned=sum(row.many for row in counted if row.responsible_kind == "unassigned"),
        waiting=sum(
            row.many
            for row in counted
            if row.wait_step == "accept" and row.channel in seat.channels
        ),
    )


def is_mine(seat: Seat, session: Json) -> bool:
    """True if the looker holds this session, under our name for them or under the channel's."""
    who = session["responsible"]
    return who["kind"] == "operator" and who["id"] in (seat.id, seat.links.get(session["channel"]))


def _conditions(db: Transaction, seat: Seat, wanted: DeskFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.show == "mine":
        linked = [
            and_(ChatSession.channel == channel, ChatSession.responsible_id == id)
            for channel, id in seat.links.items()
        ]
        holder = or_(ChatSession.responsible_id == seat.id, *linked)
        conditions += [ChatSession.responsible_kind == "operator", holder]
    elif wanted.show == "unassigned":
        conditions.append(ChatSession.responsible_kind == "unassigned")
    name = wanted.name.strip()
    if name:
        conditions.append(
            or_(
                Contact.name.icontains(name, autoescape=True),
                Contact.email.icontains(name, autoescape=True),
                held_by(db, name),
            )
        )
    return conditions


def _last(row: Any) -> Json:
    return {
        "author": row.author_kind,
        "text": preview(row.text, row.html, _PREVIEW),
        "files": len(row.attachments),
    }


# Words of ours, so that planners see that they need look at active sessions alone.
_WITH_PEOPLE = and_(
    ChatSession.status.in_(literals("active")), ChatSession.mode.in_(literals("human", "copilot"))
)
_COUNTED = (
    select(
        ChatSession.channel,
        ChatSession.responsible_kind,
        ChatSession.responsible_id,
        ChatSession.wait_step,
        func.count().label("many"),
    )
    .where(_WITH_PEOPLE)
    .group_by(
        ChatSession.channel,
        ChatSession.responsible_kind,
        ChatSession.responsible_id,
        ChatSession.wait_step,
    )
)
_LAST = Prepared(
    lambda _: (
        select(Message.author_kind, Message.text, Message.html, Message.attachments)
        .where(
            Message.session_id == bindparam("session"),
            Message.kind.in_(literals("message")),
            Message.state.in_(literals("received", "owed", "sent", "failed")),
        )
        .order_by(Message.at.desc(), Message.number.desc(), Message.step.desc(), Message.id.desc())
        .limit(1)
    )
)
_ANSWER = aliased(Message)
_ANSWERED = (
    select(func.max(_ANSWER.at))
    .where(
        _ANSWER.session_id == bindparam("session"),
        _ANSWER.kind.in_(literals("message")),
        _ANSWER.author_kind.in_(literals("operator")),
        _ANSWER.at < UNPLACED,
    )
    .scalar_subquery()
)
_UNREAD = Prepared(
    lambda _: (
        select(func.count().label("many"))
        .select_from(Message)
        .outerjoin(
            OperatorReadMark,
            and_(
                OperatorReadMark.session_id == Message.session_id,
                OperatorReadMark.operator_id == bindparam("operator"),
            ),
        )
        .where(
            Message.session_id == bindparam("session"),
            Message.kind.in_(literals("message")),
            Message.author_kind.in_(literals("customer")),
            or_(
                OperatorReadMark.at.is_(None),
                tuple_(Message.at, Message.number, Message.step)
                > tuple_(OperatorReadMark.at, OperatorReadMark.number, OperatorReadMark.step),
            ),
            # What was answered, wherever that was, is no news to anybody.
            Message.at > func.coalesce(_ANSWERED, 0),
        )
    )
)
_WORKSPACES = select(Installation.id, Installation.external_id)
