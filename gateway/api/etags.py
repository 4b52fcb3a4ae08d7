"""ETag and If-Match: nobody overwrites what they have not seen, and nothing is sent twice unread.

A door that reads answers `tagged_answer(body)`. One that changes says `require_match(body)` in its
transaction, with the thing's lock held and `body` as a reader would get it now, and tags its own
answer with `with_etag`. Open them with `tagged=True` and `guarded=True` (`rooms.py`).
"""

from __future__ import annotations

import hashlib

import msgspec
from flask import Response, request
from werkzeug.http import parse_etags

from gateway.errors import Theirs
from gateway.rails.answers import Json, json_answer


class Changed(Theirs):
    """Somebody changed the thing since the caller read it."""

    code = "changed"
    status = 412


class Unguarded(Theirs):
    """The caller did not say which state of the thing is to be changed."""

    code = "unguarded"
    status = 428


def etag_of(body: Json) -> str:
    """The name of this state of a thing, without quotes; the order of keys does not matter."""
    content = msgspec.json.encode(body, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:32]


def tagged_answer(body: Json, *, weak: bool = False) -> Response:
    """What a reader gets: the thing with its ETag, or 304 if If-None-Match names this state.

    `weak` is for bodies that may differ in what does not matter; they cannot be guarded.
    """
    tag = etag_of(body)
    seen = request.headers.get("If-None-Match")
    # `*` would be "any state": a reader has none of it.
    if seen is not None and seen.strip() != "*" and parse_etags(seen).contains_weak(tag):
        answer = Response(status=304)
    else:
        answer = json_answer(body)
    answer.set_etag(tag, weak=weak)
    return answer


def with_etag(answer: Response) -> Response:
    """A changed thing's answer with its new ETag; a refusal as it is."""
    if answer.status_code < 300:
        answer.set_etag(etag_of(msgspec.json.decode(answer.get_data())))
    return answer


def require_match(body: Json) -> None:
    """Raise Unguarded without If-Match, Changed unless it names the state that `body` is in.

    Weak ETags match nothing, as RFC 9110 has it for If-Match.
    """
    named = request.headers.get("If-Match")
    if named is None or not named.strip():
        raise Unguarded(
            "send the ETag that you have read as If-Match, so that nobody's change is lost"
        )
    if not parse_etags(named).contains(etag_of(body)):
        raise Changed(
            "this was changed since you read it; read it again and send its new ETag as If-Match",
            details={"current": body},
        )
