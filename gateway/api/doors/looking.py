"""What an operator's page says while its reader looks at a session: that, read, and typing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from flask import Response
from sqlalchemy import select

from gateway.api.callers import operator
from gateway.api.rooms import Room
from gateway.api.schemas.acts import (
    LookersSchema,
    LookingBody,
    ReadBody,
    ReadUpToSchema,
    TypingBody,
    TypingSchema,
)
from gateway.api.schemas.base import Arguments
from gateway.clock import to_micros
from gateway.conversations.doors import MAY_ACT
from gateway.errors import NotFound
from gateway.feed import Hint
from gateway.people.lookers import Looker
from gateway.rails.answers import json_answer
from gateway.rails.parsing import checked_id
from gateway.store import Database, Transaction
from gateway.store.models import ChatSession
from gateway.visitors import marks
from gateway.wiring import Parts


def add_looking_doors(room: Room, parts: Parts) -> None:
    """Add the doors; the customer is shown what they say, where the channel can show it."""
    database = parts.database

    @room.door(
        "POST", "/sessions/<session_id>/read",
        takes=ReadBody, required=False, gives=ReadUpToSchema, roles=MAY_ACT, fleeting=True,
    )  # fmt: skip
    def mark_read(body: Arguments, session_id: str) -> Response:
        """Say that one has read a session, up to a message or all of it"""
        session_id = checked_id("ses", session_id)
        one, now = operator(), to_micros(parts.clock.now())
        by = {"kind": "operator", "id": one.id, "name": one.name}
        message_id = body.get("message_id")

        def work(db: Transaction) -> bool:
            moved = marks.read_by(db, one.id, session_id, message_id, now)
            if not body.get("quietly"):
                moved |= marks.read_up_to(db, "operator", session_id, message_id, by, now)
            return moved

        return json_answer({"moved": database.write(work)})

    @room.door(
        "POST", "/sessions/<session_id>/typing",
        takes=TypingBody, gives=TypingSchema, roles=MAY_ACT, fleeting=True,
    )  # fmt: skip
    def say_typing(body: Arguments, session_id: str) -> Response:
        """Say that one is writing in a session, or no longer; it is shown for a few seconds"""
        session_id = checked_id("ses", session_id)
        return json_answer({"shown": give_typing(parts, session_id, on=body["on"])})

    @room.door(
        "POST", "/sessions/<session_id>/looking",
        takes=LookingBody, gives=LookersSchema, roles=MAY_ACT, fleeting=True,
    )  # fmt: skip
    def say_looking(body: Arguments, session_id: str) -> Response:
        """Say that one has a session open, or no longer; the answer says who else has"""
        session_id = checked_id("ses", session_id)
        row = _find(database, session_id)
        one = operator()
        others = parts.lookers.say(session_id, Looker(id=one.id, name=one.name), on=body["on"])
        _give(parts, "looking", row, session_id, on=body["on"])
        return json_answer({"others": [asdict(other) for other in others]})


def give_typing(parts: Parts, session_id: str, *, on: bool) -> bool:
    """Show that the caller types in a session, or no longer; False where nobody is shown it.

    Raises NotFound.
    """
    row = _find(parts.database, session_id)
    return row.status == "active" and _give(parts, "typing", row, session_id, on=on)


def _give(
    parts: Parts, kind: Literal["typing", "looking"], row: Any, session_id: str, *, on: bool
) -> bool:
    one = operator()
    return parts.hints.give(
        Hint(
            kind=kind, conversation=row.conversation_id, session=session_id, by="operator",
            id=one.id, name=one.name, on=on, at=to_micros(parts.clock.now()),
        )
    )  # fmt: skip


def _find(database: Database, session_id: str) -> Any:
    """Where a session lies and whether it goes on; raise NotFound."""
    with database.read() as db:
        row = db.execute(
            select(ChatSession.conversation_id, ChatSession.status).where(
                ChatSession.id == session_id
            )
        ).one_or_none()
    if row is None:
        raise NotFound("there is no such session")
    return row
