"""Doors to operators' pictures: one's own, or anybody's for an administrator."""

from __future__ import annotations

import hashlib

from flask import Response, request
from werkzeug.http import parse_etags

from gateway.api.callers import operator
from gateway.api.idempotency import Acted, act_once
from gateway.api.people import People
from gateway.api.rooms import Room
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.operators import OperatorSchema
from gateway.clock import to_micros
from gateway.errors import Forbidden, Oversized
from gateway.people import avatars
from gateway.rails.parsing import Invalid, checked_id
from gateway.store import Transaction
from gateway.wiring import Parts

# Nothing in a picture may run, whatever a browser takes it for.
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def add_avatar_doors(room: Room, parts: Parts) -> None:
    """Add the doors."""
    database, people = parts.database, People(parts)

    @room.door(
        "GET",
        "/operators/<operator_id>/avatar",
        gives=None,
        tagged=True,
        gives_files=avatars.TYPES,
    )
    def get_avatar(operator_id: str) -> Response:
        """Get an operator's picture; 404 if they have none"""
        operator_id = checked_id("opr", operator_id)
        with database.read() as db:
            picture = avatars.find(db, operator_id)
        seen = request.headers.get("If-None-Match", "")
        if parse_etags(seen).contains_weak(picture.digest):
            answer = Response(status=304)
        else:
            ending = picture.content_type.partition("/")[2]
            answer = Response(picture.content, content_type=picture.content_type)
            answer.headers["Content-Disposition"] = f'inline; filename="avatar.{ending}"'
            answer.headers["Content-Security-Policy"] = _SANDBOX
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.set_etag(picture.digest)
        return answer

    @room.door(
        "PUT", "/operators/<operator_id>/avatar", gives=OperatorSchema, takes_files=avatars.TYPES
    )
    def put_avatar(operator_id: str) -> Response:
        """Give an operator a picture: the body is a PNG, JPEG, WebP or GIF of at most 512 KiB"""
        operator_id = checked_id("opr", operator_id)
        _only_own(operator_id)
        content = _content()
        now, seen = to_micros(parts.clock.now()), people.seen()

        def act(db: Transaction) -> Acted:
            before = avatars.digest_of(db, operator_id)
            avatars.put(db, operator_id, content, now)
            return Acted(
                body=people.one(db, seen, operator_id),
                before={"sha256": before},
                after={"sha256": avatars.digest_of(db, operator_id)},
            )

        said = {"sha256": hashlib.sha256(content).hexdigest()}
        return act_once(database, operator().id, said, now, parts.waker.wake, act)

    @room.door(
        "DELETE",
        "/operators/<operator_id>/avatar",
        takes=NothingBody,
        required=False,
        gives=OperatorSchema,
    )
    def remove_avatar(body: Arguments, operator_id: str) -> Response:
        """Take an operator's picture away"""
        operator_id = checked_id("opr", operator_id)
        _only_own(operator_id)
        now, seen = to_micros(parts.clock.now()), people.seen()

        def act(db: Transaction) -> Acted:
            before = avatars.digest_of(db, operator_id)
            avatars.remove(db, operator_id)
            return Acted(
                body=people.one(db, seen, operator_id),
                before={"sha256": before},
                after={"sha256": None},
            )

        return act_once(database, operator().id, body, now, parts.waker.wake, act)


def _only_own(operator_id: str) -> None:
    if operator().role != "admin" and operator().id != operator_id:
        raise Forbidden("you may change your own picture; others' takes an admin")


def _content() -> bytes:
    """The body, if it is a picture that can be kept."""
    content = request.get_data(cache=False)
    if len(content) > avatars.LARGEST:
        raise Oversized(f"a picture has at most {avatars.LARGEST // 1024} KiB")
    if avatars.type_of(content) is None:
        problem = "Not a PNG, JPEG, WebP or GIF picture."
        raise Invalid(f"body: {problem}", details={"fields": {"body": [problem]}})
    return content
