"""What the OpenAPI document says of doors, so that no door has to say it: errors, headers, ids."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from gateway.api.schemas.errors import ErrorSchema
from gateway.rails.parsing import Moment, Words

Json = dict[str, Any]

# The name of each error's component, what it means, and what it looks like.
_ERRORS: Mapping[int, tuple[str, str, str, str]] = {
    400: ("Unreadable", "Not what the door takes", "unreadable", "the body is not JSON in UTF-8"),
    401: ("NotAuthentic", "No token or signature, or one that does not hold", "not_authentic",
          "send `Authorization: Bearer <token>`; `gateway tokens add EMAIL` makes one"),
    403: ("Forbidden", "The caller may not", "forbidden",
          "You do not have permission to hand over sessions"),
    404: ("NotFound", "No such thing", "not_found", "there is no such session"),
    409: ("Conflict", "The thing is in another state; the message says which", "conflict",
          "Session is already handled by an operator"),
    412: ("Changed", "Somebody changed it since it was read", "changed",
          "this was changed since you read it; read it again and send its new ETag as If-Match"),
    413: ("TooLarge", "The body is larger than 1 MiB", "too_large", "a body has at most 1 MiB"),
    415: ("TypeNotAllowed", "A file of a type that is not taken", "type_not_allowed",
          "files of this type are not taken here; what a file is, its content decides"),
    422: ("Invalid", "A field cannot be used; `details.fields` names each", "invalid",
          "limit: Must be greater than or equal to 1 and less than or equal to 500."),
    428: ("Unguarded", "If-Match is missing", "unguarded",
          "send the ETag that you have read as If-Match, so that nobody's change is lost"),
    429: ("TooMany", "More calls than this token may make", "too_many_requests",
          "this token calls too often; try again in 1 s"),
    500: ("Internal", "Our fault; it has been logged", "internal",
          "something went wrong here; it has been logged"),
    503: ("Unavailable", "Passing trouble: nothing was done", "unavailable",
          "the database cannot keep it just now"),
}  # fmt: skip

NAMES = {status: name for status, (name, *_) in _ERRORS.items()}
"""The component that describes an error."""

_HEADERS: Mapping[str, Json] = {
    "Retry-After": {
        "description": "seconds to wait before trying again",
        "schema": {"type": "integer", "minimum": 0, "examples": [1]},
    },
    "WWW-Authenticate": {
        "description": "what to come in with",
        "schema": {"type": "string", "examples": ['Bearer realm="gateway"']},
    },
    "ETag": {
        "description": "names this state of the thing; send it back as If-Match or If-None-Match",
        "schema": {"type": "string", "examples": ['"5f2b8e0c9d1a4f36a7c0b9e8d7f61234"']},
    },
    "X-Request-Id": {
        "description": "the name of this call; the audit knows it",
        "schema": {"type": "string", "examples": ["req_06f3k9w2v0a1b2c3d4e5f6g7h8"]},
    },
    "RateLimit-Limit": {
        "description": "how many calls the token may make in the current window",
        "schema": {"type": "integer", "minimum": 1, "examples": [600]},
    },
    "RateLimit-Remaining": {
        "description": "... and how many of them are left",
        "schema": {"type": "integer", "minimum": 0, "examples": [599]},
    },
    "RateLimit-Reset": {
        "description": "seconds until they are all there again",
        "schema": {"type": "integer", "minimum": 0, "examples": [10]},
    },
    "Idempotency-Replayed": {
        "description": "this is the answer that was given to the same call before",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
_EVERY_ANSWER = ("X-Request-Id",)
_RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_ERROR_HEADERS = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", *_RATE),
    503: ("Retry-After",),
}

_PARAMETERS: Mapping[str, Json] = {
    "Idempotency-Key": {
        "description": "the same call again with the same key gets the same answer",
        "schema": {
            "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$",
            "format": "idempotency-key", "examples": ["5f0c6a1e-7a52-4a0e-9d3c-2f1b8c7d6e5f"],
        },
    },
    "If-Match": {
        "description": "the ETag that you have read, so that nobody's change is lost; `*`: any",
        "required": True,
        "schema": {
            "type": "string", "minLength": 1, "format": "etags",
            "examples": ['"5f2b8e0c9d1a4f36a7c0b9e8d7f61234"'],
        },
    },
    "If-None-Match": {
        "description": "an ETag that you have read: 304 if nothing has changed since",
        "schema": {
            "type": "string", "format": "etags",
            "examples": ['"5f2b8e0c9d1a4f36a7c0b9e8d7f61234"'],
        },
    },
}  # fmt: skip

_NAMED = re.compile(r"<(?:\w+:)?(\w+)>")
# What begins the ids that a path names.
_PREFIXES: Mapping[str, str] = {
    "session_id": "ses",
    "message_id": "msg",
    "contact_id": "con",
    "delivery_id": "dlv",
    "event_delivery_id": "evd",
    "file_id": "fil",
    "operator_id": "opr",
    "pass_id": "rec",
    "team_id": "tea",
    "token_id": "tok",
    "turn_id": "trn",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What a door is like, as far as that decides what can happen at it."""

    changes: bool
    named: bool
    takes: type[ma.Schema] | None
    by_token: bool
    roles: bool
    tagged: bool
    guarded: bool
    keyed: bool
    refuses: frozenset[int]


def common(spec: APISpec, fields: MarshmallowPlugin) -> None:
    """Describe what several doors refer to, and the fields that are our own."""
    fields.map_to_openapi_type(Moment, "string", "date-time")  # type: ignore[no-untyped-call]
    assert fields.converter is not None
    fields.converter.add_attribute_function(_anchored)  # type: ignore[no-untyped-call]
    for name, header in _HEADERS.items():
        spec.components.header(name, dict(header), lazy=True)
    for name, parameter in _PARAMETERS.items():
        spec.components.parameter(name, "header", {"name": name, **parameter}, lazy=True)
    for status, (name, description, code, message) in _ERRORS.items():
        content = {
            "schema": ErrorSchema,
            "example": {"error": {"code": code, "message": message, "details": {}}},
        }
        response: Json = {"description": description, "content": {"application/json": content}}
        told = (*_EVERY_ANSWER, *_ERROR_HEADERS.get(status, ()))
        response["headers"] = {header: header for header in told}
        spec.components.response(name, response, lazy=True)


def alternatives(spec: APISpec, body: type[ma.Schema] | None) -> None:
    """Say of a body of which one field is given, and no other (`ONE_OF`), that it is so."""
    fields = getattr(body, "ONE_OF", ())
    if body is not None and fields:
        name = body.__name__.removesuffix("Schema")
        spec.components.schemas[name]["oneOf"] = [{"required": [one]} for one in fields]


def _anchored(_: Any, field: ma.fields.Field[Any], ret: Json, **__: Any) -> Json:
    """A pattern as JSON Schema has it: Python's matches from the beginning, that one anywhere."""
    pattern = ret.get("pattern")
    if pattern is None:
        plain = isinstance(field, Words) and not {"enum", "format"} & set(ret)
        return {"pattern": r"^[^\x00]*$"} if plain else {}
    pattern = pattern.replace(r"\Z", "$")  # which Python takes for before a last newline, too
    return {"pattern": pattern if pattern.startswith("^") else f"^(?:{pattern})"}


def operation(door: Door) -> Json:
    """What is said of the operation itself: who may come in, and with which headers."""
    named: Json = {"security": [{"token": []}] if door.by_token else []}
    headers = []
    if door.keyed:
        headers.append("Idempotency-Key")
    if door.guarded:
        headers.append("If-Match")
    if door.tagged and not door.changes:
        headers.append("If-None-Match")
    if headers:
        named["parameters"] = headers
    return named


def headers(door: Door) -> Json:
    """The headers of the answer that was asked for."""
    told = [*_EVERY_ANSWER]
    if door.by_token:
        told += _RATE
    if door.keyed:
        told.append("Idempotency-Replayed")
    if door.tagged or door.guarded:
        told.append("ETag")
    return {name: name for name in told}


def file_body(content_types: Collection[str]) -> Json:
    """A body that is a file of one of these types."""
    content = {"schema": {"type": "string", "format": "binary"}}
    return {"required": True, "content": {kind: dict(content) for kind in content_types}}


def upload_body() -> Json:
    """A body that is a form with a file in it."""
    file = {"type": "string", "format": "binary"}
    schema: Json = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def refusals(door: Door) -> list[int]:
    """The statuses of everything that can go wrong at this door."""
    found = {401, 500, 503} | door.refuses
    if door.by_token:
        found |= {429}
    if door.roles or (door.by_token and door.changes):
        found |= {403}
    if door.named:
        found |= {404}
    if door.changes:
        found |= {400, 409, 413}
        if door.by_token or door.takes is not None:
            found |= {422}
    elif door.takes is not None:
        found |= {422}
        if "cursor" in door.takes().fields:
            found |= {400}
    if door.guarded:
        found |= {412, 428}
    return sorted(found)


def path_parameters(rule: str) -> list[Json]:
    """The ids and names in a path."""
    return [_path_parameter(name) for name in _NAMED.findall(rule)]


def _path_parameter(name: str) -> Json:
    prefix = _PREFIXES.get(name)
    if prefix is None:
        schema: Json = {"type": "string", "minLength": 1, "maxLength": 200}
    else:
        schema = {
            "type": "string",
            "pattern": f"^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$",
            "examples": [f"{prefix}_06f3k9w2v0a1b2c3d4e5f6g7h8"],
        }
    return {"in": "path", "name": name, "required": True, "schema": schema}
