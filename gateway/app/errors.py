"""Errors at every door: one JSON shape, nothing of bodies or secrets."""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from gateway.errors import GatewayError, Ours, Unreadable
from gateway.rails.answers import error_answer, error_body, json_answer

log = structlog.get_logger(__name__)


def add_error_answers(app: Flask) -> None:
    """Answer for whatever is raised behind any door."""
    app.register_error_handler(GatewayError, _ours)
    app.register_error_handler(HTTPException, _http)
    # What gunicorn finds wrong with a chunked body while it is read.
    app.register_error_handler(ParseException, _garbled)
    app.register_error_handler(Exception, _unexpected)


def _ours(error: GatewayError) -> Response:
    if error.status >= 500:
        log.warning(
            "door_failed", door=_door(), request=g.get("request_id"), code=error.code,
            error=error.message, exc_info=isinstance(error, Ours),
        )  # fmt: skip
    answer = error_answer(error)
    if error.status == 401 and request.path.startswith("/api/"):
        answer.headers["WWW-Authenticate"] = 'Bearer realm="gateway"'
    return answer


def _http(error: HTTPException) -> Response:
    """What Flask itself refuses: no such door, wrong method; its headers stay (Allow)."""
    status = error.code or 500
    code = error.name.lower().replace(" ", "_")
    answer = json_answer(error_body(code, error.description or error.name), status)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            answer.headers[name] = value
    return answer


def _garbled(_: Exception) -> Response:
    return error_answer(Unreadable("the body is not as its own headers have it"))


def _unexpected(error: Exception) -> Response:
    log.error(
        "door_broke",
        door=_door(),
        request=g.get("request_id"),
        error=type(error).__name__,
        exc_info=error,
    )
    return json_answer(error_body("internal", "something went wrong here; it has been logged"), 500)


def _door() -> str:
    """The route, not the address: that may hold what should not be logged."""
    rule = request.url_rule
    return f"{request.method} {rule.rule if rule else '(no such door)'}"
