"""Doors to read sessions and their history."""

from __future__ import annotations

from flask import Response

from gateway.api.callers import refusal
from gateway.api.rooms import Room
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.explain import ExplanationPageSchema
from gateway.api.schemas.messages import MessagePageSchema
from gateway.api.schemas.pages import PageQuery
from gateway.api.schemas.sessions import SessionPageSchema, SessionSchema, SessionsQuery
from gateway.rails.answers import json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.explaining import find_explanations
from gateway.reading.messages import find_messages
from gateway.reading.sessions import SessionFilter, find_session, find_sessions
from gateway.wiring import Parts


def add_session_doors(room: Room, parts: Parts) -> None:
    """Add the doors that every role may use."""
    database = parts.database
    zone = parts.settings.workspace.zone

    @room.door("GET", "/sessions", takes=SessionsQuery, gives=SessionPageSchema)
    def list_sessions(query: Arguments) -> Response:
        """List sessions, the newest first"""
        limit, cursor = query.pop("limit"), query.pop("cursor", None)
        wanted = SessionFilter(**query)
        with database.read() as db:
            page = find_sessions(db, wanted, refusal=refusal, limit=limit, cursor=cursor)
        return json_answer(page.to_json())

    @room.door("GET", "/sessions/<session_id>", gives=SessionSchema)
    def get_session(session_id: str) -> Response:
        """Get one session"""
        session_id = checked_id("ses", session_id)
        with database.read() as db:
            return json_answer(find_session(db, session_id, refusal=refusal))

    @room.door("GET", "/sessions/<session_id>/messages", takes=PageQuery, gives=MessagePageSchema)
    def list_messages(query: Arguments, session_id: str) -> Response:
        """List a session's history, the oldest line first"""
        session_id = checked_id("ses", session_id)
        with database.read() as db:
            page = find_messages(
                db, session_id, zone=zone, limit=query["limit"], cursor=query.get("cursor")
            )
        return json_answer(page.to_json())

    @room.door(
        "GET", "/sessions/<session_id>/explain", takes=PageQuery, gives=ExplanationPageSchema
    )
    def explain_session(query: Arguments, session_id: str) -> Response:
        """Tell why the AI spoke or kept silent, for every message of the customer's"""
        session_id = checked_id("ses", session_id)
        with database.read() as db:
            return json_answer(find_explanations(db, session_id, **query).to_json())
