"""Doors to act on a session: hand over, hand back, copilot, finish, write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response
from sqlalchemy import bindparam, select

from gateway import audit
from gateway.api.callers import caller_in, operator, refusal
from gateway.api.doors.looking import give_typing
from gateway.api.idempotency import Acted, act_once
from gateway.api.rooms import Room
from gateway.api.schemas.acts import (
    ActSchema,
    CopilotBody,
    HandoverBody,
    HandoverSchema,
    MessageBody,
    NothingBody,
    ReasonBody,
    TextBody,
)
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.messages import MessageSchema
from gateway.clock import to_micros
from gateway.conversations import doors
from gateway.conversations.doors import MAY_ACT, Caller, Done, Person
from gateway.conversations.thread import lock_session
from gateway.errors import Conflict, NotFound, Ours
from gateway.people import staff, teams
from gateway.people.presence import Seen
from gateway.people.routing import Candidate, may_take
from gateway.policy import Terms
from gateway.rails.answers import Json
from gateway.rails.parsing import checked_id
from gateway.reading.messages import find_message
from gateway.reading.sessions import find_session
from gateway.store import Transaction
from gateway.store.models import ChatSession, Operator
from gateway.store.prepared import Prepared
from gateway.store.sql import locked
from gateway.wiring import Parts

Work = Callable[[Transaction, Terms, Caller, int], Done]
Telling = Callable[[Transaction, Done], Json]


class Acts:
    """Runs an act on a session for the caller, once, and tells what it came to."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def link(self, session_id: str) -> str:
        """The address at which people find a session."""
        return self._parts.link(session_id)

    def run(
        self, session_id: str, body: Arguments, work: Work, telling: Telling, status: int = 200
    ) -> Response:
        """Raises NotFound, Forbidden, Conflict; wakes what is owed once it is committed."""
        now = to_micros(self._parts.clock.now())

        def act(db: Transaction) -> Acted:
            # Under the lock that the act takes anyway: nothing comes between it and the act.
            _, row = lock_session(db, session_id)
            terms = self._terms(row.channel)
            done = work(db, terms, caller_in(terms.channel.name), now)
            now_is = _STATE.run(db, {"session": session_id})[0]
            before, after = audit.changes(_state(row), _state(now_is))
            if done.message_id is not None:
                after["message_id"] = done.message_id
            return Acted(
                body=telling(db, done),
                status=status,
                owed=done.owed,
                before=before,
                after=after,
            )

        return act_once(self._parts.database, operator().id, body, now, self._parts.waker.wake, act)

    def target(self, db: Transaction, terms: Terms, operator_id: str, now: int) -> Person:
        """The operator whom a session is given to. Raises NotFound, and Conflict if they may not
        take it."""
        found = self._candidate(db, operator_id, now)
        return Person(id=found.id, name=found.name, as_operator=found.links.get(terms.channel.name))

    def team(self, db: Transaction, terms: Terms, team_id: str) -> str:
        """The team that a session is to wait for: one of ours, or of the channel where that has
        teams of its own. Raises NotFound."""
        if not terms.channel.policy.native_assignment:
            return teams.find(db, team_id).id
        if staff.has_team(db, terms.channel.name, team_id):
            return team_id
        raise NotFound(f"there is no team {team_id} in {terms.channel.name}")

    def check_room(self, db: Transaction, operator_id: str, now: int) -> None:
        """Raise Conflict if an operator may not take one more session."""
        self._candidate(db, operator_id, now)

    def _candidate(self, db: Transaction, operator_id: str, now: int) -> Candidate:
        # Locked: of two sessions that come to them at once, the second one counts the first.
        db.execute(locked(db, select(Operator.id).where(Operator.id == operator_id)))
        found = self._parts.availability.candidate(db, Seen(known=False), operator_id, now)
        why_not = may_take(found)
        if why_not is not None:
            raise Conflict(why_not)
        return found

    def with_session(self, sentence: str) -> Telling:
        """Tell a sentence, and the session as it is now."""

        def tell(db: Transaction, done: Done) -> Json:
            session = find_session(db, done.session_id, refusal=refusal)
            return {"message": sentence, "session": session}

        return tell

    def with_message(self, db: Transaction, done: Done) -> Json:
        """Tell the message that was written."""
        if done.message_id is None:
            raise Ours("words were written that left no message")
        return find_message(db, done.message_id, zone=self._parts.settings.workspace.zone)

    def _terms(self, channel: str) -> Terms:
        terms = self._parts.terms.get(channel)
        if terms is None:
            raise Conflict(f"the channel {channel} is not configured any more")
        return terms


def _state(row: Any) -> Json:
    """What the audit tells of a session."""
    return {column.key: getattr(row, column.key) for column in _TOLD}


_TOLD = (
    ChatSession.status,
    ChatSession.mode,
    ChatSession.responsible_kind,
    ChatSession.responsible_id,
    ChatSession.responsible_name,
    ChatSession.responsible_team,
)
_STATE = Prepared(lambda _: select(*_TOLD).where(ChatSession.id == bindparam("session")))


def add_act_doors(room: Room, parts: Parts) -> None:
    """Add the doors through which operators and admins act."""
    acts = Acts(parts)

    @room.door(
        "POST",
        "/sessions/<session_id>/handover",
        takes=HandoverBody,
        required=False,
        gives=HandoverSchema,
    )
    def hand_over(body: Arguments, session_id: str) -> Response:
        """Hand the session over to people; the AI falls silent at once"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            target = None
            if "operator_id" in body and caller.role in MAY_ACT:  # who may not learns just that
                target = acts.target(db, terms, body["operator_id"], now)
            return doors.hand_over(
                db, terms, session_id, caller,
                reason=body["reason"], link=acts.link(session_id), now=now, target=target,
                reception=parts.reception,
            )  # fmt: skip

        def tell(db: Transaction, done: Done) -> Json:
            told = acts.with_session("Session set to operator")(db, done)
            return {**told, "in_flight": done.in_flight}

        return acts.run(session_id, body, work, tell)

    @room.door(
        "POST",
        "/sessions/<session_id>/hand_back",
        takes=NothingBody,
        required=False,
        gives=ActSchema,
    )
    def hand_back(body: Arguments, session_id: str) -> Response:
        """Put the AI back in charge"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.hand_back(db, terms, session_id, caller, now=now)

        return acts.run(
            session_id, body, work, acts.with_session("Session returned to the AI agent")
        )

    @room.door(
        "POST", "/sessions/<session_id>/finish", takes=ReasonBody, required=False, gives=ActSchema
    )
    def finish(body: Arguments, session_id: str) -> Response:
        """Finish the session; the customer's next message starts a new one"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.finish(db, terms, session_id, caller, reason=body["reason"], now=now)

        return acts.run(session_id, body, work, acts.with_session("Session finished"))

    @room.door("POST", "/sessions/<session_id>/copilot", takes=CopilotBody, gives=ActSchema)
    def copilot(body: Arguments, session_id: str) -> Response:
        """Let the AI draft for the caller, or go on without it"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.set_copilot(db, terms, session_id, caller, on=body["on"], now=now)

        sentence = "Copilot is on" if body["on"] else "Copilot is off"
        return acts.run(session_id, body, work, acts.with_session(sentence))

    @room.door(
        "POST",
        "/sessions/<session_id>/messages",
        takes=MessageBody,
        gives=MessageSchema,
        status=201,
    )
    def write_message(body: Arguments, session_id: str) -> Response:
        """Say something to the customer; this takes the session over from the AI"""
        session_id = checked_id("ses", session_id)

        give_typing(parts, session_id, on=False)  # before the words are there: they end it

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.write_message(
                db, terms, session_id, caller, text=body["text"], files=body["files"], now=now
            )

        return acts.run(session_id, body, work, acts.with_message, 201)

    @room.door(
        "POST", "/sessions/<session_id>/notes", takes=TextBody, gives=MessageSchema, status=201
    )
    def write_note(body: Arguments, session_id: str) -> Response:
        """Leave a note for the people inside; the customer never sees it"""
        session_id = checked_id("ses", session_id)

        def work(db: Transaction, terms: Terms, caller: Caller, now: int) -> Done:
            return doors.write_note(db, terms, session_id, caller, text=body["text"], now=now)

        return acts.run(session_id, body, work, acts.with_message, 201)
