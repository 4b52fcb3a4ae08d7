"""Doors among people: accept, decline, assign, release; and what becomes of the AI's drafts."""

from __future__ import annotations

from flask import Response

from gateway.api.doors.acts import Acts
from gateway.api.rooms import Room
from gateway.api.schemas.acts import ActSchema, AssignBody, DraftBody, NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.messages import MessageSchema
from gateway.conversations import doors
from gateway.conversations.doors import MAY_ACT, Caller, Done
from gateway.policy import Terms
from gateway.rails.parsing import checked_id
from gateway.store import Transaction
from gateway.wiring import Parts


def add_people_doors(room: Room, parts: Parts) -> None:
    """Add the doors through which people share out what waits for them."""
    acts = Acts(parts)

    @room.door(
        "POST", "/sessions/<session_id>/accept",
        takes=NothingBody, required=False, gives=ActSchema, roles=MAY_ACT,
    )  # fmt: skip
    def accept(body: Arguments, session_id: str) -> Response:
        """Take a session that waits for a person; the first one wins"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            acts.check_room(db, caller.id, now)
            return doors.accept(db, terms, session_id, caller, now=now)

        return acts.run(session_id, body, work, acts.with_session("Session accepted"))

    @room.door(
        "POST", "/sessions/<session_id>/decline",
        takes=NothingBody, required=False, gives=ActSchema, roles=MAY_ACT,
    )  # fmt: skip
    def decline(body: Arguments, session_id: str) -> Response:
        """Turn down a session that is offered to the caller; the next one is asked"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.decline(db, terms, session_id, caller, now=now)

        return acts.run(session_id, body, work, acts.with_session("Offer declined"))

    @room.door(
        "POST", "/sessions/<session_id>/assign",
        takes=AssignBody, gives=ActSchema, roles=MAY_ACT,
    )  # fmt: skip
    def assign(body: Arguments, session_id: str) -> Response:
        """Give the session to an operator or a team; what the AI holds is handed over to them"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            if "team_id" in body:
                team = acts.team(db, terms, body["team_id"])
                return doors.assign_team(
                    db, terms, session_id, caller,
                    team=team, link=acts.link(session_id), now=now, reception=parts.reception,
                )  # fmt: skip
            target = acts.target(db, terms, body["operator_id"], now)
            return doors.assign(
                db, terms, session_id, caller,
                target=target, link=acts.link(session_id), now=now, reception=parts.reception,
            )  # fmt: skip

        return acts.run(session_id, body, work, acts.with_session("Session assigned"))

    @room.door(
        "POST", "/sessions/<session_id>/release",
        takes=NothingBody, required=False, gives=ActSchema, roles=MAY_ACT,
    )  # fmt: skip
    def release(body: Arguments, session_id: str) -> Response:
        """Give the session back to those who wait for work"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.release(db, terms, session_id, caller, now=now)

        return acts.run(session_id, body, work, acts.with_session("Session released"))

    @room.door(
        "POST", "/sessions/<session_id>/drafts/<message_id>/send",
        takes=DraftBody, required=False, gives=MessageSchema, status=201, roles=MAY_ACT,
    )  # fmt: skip
    def send_draft(body: Arguments, session_id: str, message_id: str) -> Response:
        """Say a draft of the AI to the customer, as it is or edited"""
        session_id, draft_id = checked_id("ses", session_id), checked_id("msg", message_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.send_draft(
                db, terms, session_id, caller, draft_id=draft_id, text=body.get("text"), now=now
            )

        return acts.run(session_id, body, work, acts.with_message, 201)

    @room.door(
        "POST", "/sessions/<session_id>/drafts/<message_id>/discard",
        takes=NothingBody, required=False, gives=MessageSchema, roles=MAY_ACT,
    )  # fmt: skip
    def discard_draft(body: Arguments, session_id: str, message_id: str) -> Response:
        """Put a draft of the AI aside"""
        session_id, draft_id = checked_id("ses", session_id), checked_id("msg", message_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.discard_draft(db, terms, session_id, caller, draft_id=draft_id, now=now)

        return acts.run(session_id, body, work, acts.with_message)
