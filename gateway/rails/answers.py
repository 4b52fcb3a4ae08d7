"""How every door answers: JSON, and one shape for errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response

from gateway.errors import Again, GatewayError

Json = dict[str, Any]

RETRY_AFTER_S = 5
"""What a caller is asked to wait after passing trouble that named no time of its own."""


def json_answer(body: bytes | str | Json, status: int = 200) -> Response:
    """A JSON answer; text and bytes are JSON already."""
    content = body if isinstance(body, bytes | str) else msgspec.json.encode(body)
    return Response(content, status=status, content_type="application/json")


def error_body(code: str, message: str, details: Mapping[str, Any] | None = None) -> Json:
    """The one shape of errors."""
    return {"error": {"code": code, "message": message, "details": dict(details or {})}}


def error_answer(error: GatewayError) -> Response:
    """An error of ours as an answer; passing trouble says when to come back."""
    answer = json_answer(body_of(error), error.status)
    if isinstance(error, Again):
        answer.headers["Retry-After"] = str(math.ceil(error.after_s or RETRY_AFTER_S))
    return answer


def body_of(error: GatewayError) -> Json:
    """What an answer says of an error; nothing of what went wrong inside."""
    if error.status == 500:
        return error_body("internal", "something went wrong here; it has been logged")
    return error_body(error.code, error.message, error.details)
