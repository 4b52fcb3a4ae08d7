"""The door for late answers: an AI agent that said 202 posts what it has to say here."""

from __future__ import annotations

import structlog
from flask import Response, request
from sqlalchemy import select

from gateway.answers import record_answer
from gateway.api.rooms import Room
from gateway.api.schemas.turns import VerdictSchema
from gateway.clock import to_micros
from gateway.contacts.pushing import takers_of
from gateway.conversations.asking import Recorded
from gateway.errors import NotAuthentic, NotFound
from gateway.logs import about
from gateway.rails.answers import json_answer
from gateway.rails.parsing import checked_id
from gateway.store import Transaction
from gateway.store.models import ChatSession, TurnRow
from gateway.wiring import Parts

log = structlog.get_logger(__name__)


def add_turn_doors(room: Room, parts: Parts) -> None:
    """Add the door; the agent's signature opens it, not a token."""

    @room.door("POST", "/turns/<turn_id>/reply", gives=VerdictSchema, by_token=False)
    def reply(turn_id: str) -> Response:
        """Answer a turn late, signed with the agent's secret as Standard Webhooks has it"""
        turn_id = checked_id("trn", turn_id)
        with parts.database.read() as db:
            row = db.execute(
                select(ChatSession.id, ChatSession.channel, TurnRow.origin)
                .join(TurnRow, TurnRow.session_id == ChatSession.id)
                .where(TurnRow.id == turn_id)
            ).one_or_none()
        if row is None or row.channel not in parts.terms:
            raise NotFound("there is no such turn")
        terms = parts.terms[row.channel]
        answer = parts.agents[terms.agent.name].asks.read_reply(
            dict(request.headers), request.get_data()
        )
        if request.headers.get("webhook-id") != turn_id:
            # The signature covers this id: without it, an answer could be posted to other turns.
            raise NotAuthentic("the webhook-id of an answer is the id of its turn")
        link = parts.link(row.id)
        now = to_micros(parts.clock.now())

        def record(db: Transaction) -> Recorded:
            return record_answer(
                db, terms, turn_id, row.id, answer,
                now=now, link=link, reception=parts.reception,
                takers=takers_of(parts.terms.values()),
            )  # fmt: skip

        recorded = parts.database.write(record)
        # It comes to a web process, whose call has an origin of its own.
        with about(origin=row.origin, session=row.id, turn=turn_id):
            log.info("turn_answered", verdict=recorded.verdict, why=recorded.why)
        for kind in sorted(recorded.owed):
            parts.waker.wake(kind)
        return json_answer({"status": recorded.verdict})
