"""What a visitor sees of their talk; and that they have read, rate, and are typing."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.channels.webwidget.routes.doors import Caller, Doors
from gateway.channels.webwidget.routes.schemas import (
    NewsQuery,
    PastQuery,
    RatingBody,
    ReadBody,
    TypingBody,
)
from gateway.rails.answers import json_answer

# Nothing in a picture may run, whatever a browser takes it for.
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_YEAR_S = 31_536_000


def add_talk_doors(doors: Doors) -> None:
    """Add the doors; all but the pictures' are for a visitor about themselves."""
    backend = doors.backend

    @doors.door("GET", "/messages", takes=NewsQuery)
    def find_news(caller: Caller, query: dict[str, Any]) -> Response:
        """Get what is new since a cursor, or what stands before a message"""
        if query["before"] is not None:
            talk = backend.earlier(caller.visitor, before=query["before"])
        else:
            talk = backend.news(caller.visitor, after=query["after"], session_id=query["session"])
        return json_answer(caller.deployment.teller.talk(talk))

    @doors.door("GET", "/sessions", takes=PastQuery)
    def list_sessions(caller: Caller, query: dict[str, Any]) -> Response:
        """List the sessions of a verified visitor, on whatever device they were"""
        items, following = backend.sessions(caller.visitor, cursor=query["cursor"])
        told = [caller.deployment.teller.past(one) for one in items]
        return json_answer({"items": told, "next_cursor": following})

    @doors.door("POST", "/read", takes=ReadBody)
    def read_up_to(caller: Caller, body: dict[str, Any]) -> Response:
        """Say up to where the visitor has read"""
        backend.read(caller.visitor, body["message"])
        return Response(status=204)

    @doors.door("POST", "/rating", takes=RatingBody)
    def rate_session(caller: Caller, body: dict[str, Any]) -> Response:
        """Say what the visitor thought of a finished session"""
        backend.rate(caller.visitor, body["session"], body["score"], body["comment"] or "")
        return Response(status=204)

    @doors.door("POST", "/typing", takes=TypingBody)
    def say_typing(caller: Caller, body: dict[str, Any]) -> Response:
        """Say that the visitor is writing, or no longer"""
        backend.types(caller.visitor, body["on"])
        return Response(status=204)

    @doors.door("GET", "/avatars/<name>", by_token=False)
    def show_avatar(name: str) -> Response:
        """Get a picture of a person who speaks; its name is all that lets one in"""
        picture = backend.picture(name)
        answer = Response(picture.content, content_type=picture.content_type)
        ending = picture.content_type.partition("/")[2]
        answer.headers["Content-Disposition"] = f'inline; filename="avatar.{ending}"'
        answer.headers["Content-Security-Policy"] = _SANDBOX
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        # Another picture has another name.
        answer.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        return answer
